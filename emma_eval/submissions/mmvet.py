"""MM-Vet: a JSON object question id -> text, for its online evaluator or its notebook with GPT-4."""

from __future__ import annotations

import json
from collections.abc import Sequence

from emma_eval.types import Sample

PREFIX = "v1_"  # of the official ids; LLaVA's question file leaves it out


def mmvet(samples: Sequence[Sample], texts: Sequence[str], model: str) -> str:
    """`{"v1_0": text, ...}` in the order of the questions."""
    names = [PREFIX + sample.id.removeprefix(PREFIX) for sample in samples]
    return json.dumps(dict(zip(names, texts, strict=True)), indent=2, ensure_ascii=False) + "\n"
