"""One request, and what a model answers it with."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class TokenCounts:
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass
class GenerationResult:
    text: str
    token_counts: TokenCounts | None = None


@dataclass
class Instance:
    request_type: str
    arguments: tuple
    idx: int
    metadata: dict = field(default_factory=dict)
    resps: list = field(default_factory=list)
    filtered_resps: dict = field(default_factory=dict)

    @property
    def args(self) -> tuple:
        return self.arguments

    @property
    def task_name(self) -> Any:
        return self.metadata["task"]
