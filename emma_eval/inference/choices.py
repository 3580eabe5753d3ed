"""How probable each of some choices is as the first token of an answer: one prefill a request, nothing is decoded.

A choice's tokens are all those whose whole text, without blanks around it, is one of its spellings; their
probabilities are summed. Nothing is sampled, and a token that only begins a spelling does not count.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from emma_eval.errors import UserError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.engine import Engine
from emma_eval.types import Failure, Generation, InferenceStats, Request

NOT_FINITE = "the logits of the first token are not finite"

LogProbs = tuple[float, ...]


class NoProbabilitiesError(UserError):
    """The model does not give the probabilities of tokens."""


@dataclass(frozen=True, slots=True)
class _FirstToken(Generation):
    """No answer, but what it would begin with."""

    log_probs: LogProbs = ()


@dataclass(frozen=True, slots=True)
class _FirstTokenModel:
    """A Model that gives, for an answer, the probabilities of groups of tokens as its first one."""

    model: Any
    groups: Sequence[Sequence[int]]

    def __getattr__(self, name: str) -> Any:
        """Everything else is the model's own."""
        return getattr(self.model, name)

    def generate(self, rows: Sequence[Any], images: Any) -> list[list[Generation]]:
        """Each row's first tokens, in the order of its `indices`."""
        of_rows = self.model.first_token_log_probs(rows, images, self.groups)
        return [[_to_generation(log_probs) for log_probs in of_row] for of_row in of_rows]


def _to_generation(log_probs: LogProbs) -> Generation:
    if any(map(math.isnan, log_probs)):
        return Generation("", finish_reason="error", error=NOT_FINITE)
    return _FirstToken("", log_probs=log_probs)


def choice_tokens(engine: Engine, spellings: Mapping[str, Collection[str]]) -> dict[str, dict[int, str]]:
    """Choice -> the tokens that spell it (id -> text); none where the tokenizer has no such token.

    Raises NoProbabilitiesError for an engine that does not give the probabilities of tokens.
    """
    texts: Mapping[int, str] = _model_of(engine).token_texts()
    return {
        choice: {index: text for index, text in texts.items() if text.strip() in spelled}
        for choice, spelled in spellings.items()
    }


def choice_log_probs(
    engine: Engine, requests: Sequence[Request], groups: Sequence[Sequence[int]], stats: InferenceStats
) -> Iterator[tuple[int, LogProbs | Failure]]:
    """Yield, for every request, its index and the log of the probability of each group of token ids, in any order.

    Batched, shared and retried as answers are. Raises NoProbabilitiesError for an engine that does not give them.
    """
    _model_of(engine)
    assert isinstance(engine, BatchedEngine)
    for index, outcome in replace(engine, model=_FirstTokenModel(engine.model, groups)).generate(requests, stats):
        if isinstance(outcome, Failure):
            yield index, outcome
        else:
            assert isinstance(outcome, _FirstToken)
            yield index, outcome.log_probs


def _model_of(engine: Engine) -> Any:
    if isinstance(engine, BatchedEngine) and hasattr(engine.model, "first_token_log_probs"):
        return engine.model
    raise NoProbabilitiesError(
        "the model gives no probabilities of an answer's first token: that takes a checkpoint that is computed here, "
        "no server and no model of one method"
    )
