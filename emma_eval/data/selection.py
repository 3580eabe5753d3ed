"""Select the samples of a run, and compute the digest by which the same samples and references are recognised."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring_ascii as _quoted

from emma_eval.types import Sample
from emma_eval.utils.files import sha256_of_lines
from emma_eval.utils.gc_utils import gc_paused


def reference_digest(samples: Iterable[Sample]) -> str:
    """Hex SHA-256 over a JSON line `[id, references]` for each sample.

    `json.dumps` gives the same lines, but is slower for such short ones.
    """
    with gc_paused():
        return sha256_of_lines(map(_as_json, samples))


def select_subset(samples: Sequence[Sample], limit: int | None, seed: int | None) -> Sequence[Sample]:
    """The first `limit` samples; with a seed, as many drawn at random, in the benchmark's order. Or all."""
    if limit is None or limit >= len(samples):
        return samples
    if seed is None:
        return samples[:limit]
    return [samples[i] for i in sorted(random.Random(seed).sample(range(len(samples)), limit))]


def _as_json(sample: Sample) -> str:
    return f"[{_quoted(sample.id)}, [{', '.join(map(_quoted, sample.references))}]]"
