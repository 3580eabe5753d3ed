"""Objects exchanged for one of the same image whose right answer is known to be the other one.

It comes from the benchmark alone: another question about the image (POPE asks of each image as many present objects as
absent ones), or the objects that the benchmark's annotation lists as present (AMBER).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emma_eval.scorers.common import image_of
from emma_eval.types import Sample

PresentObjects = Mapping[str, Sequence[str]]  # image -> what the benchmark's annotation says is in it


@dataclass(frozen=True, slots=True)
class Recognised:
    """A question's form, and its parts by name."""

    form: str
    parts: Mapping[str, str]


def partners(
    samples: Sequence[Sample], found: Sequence[Recognised | None], name: str, present: PresentObjects
) -> dict[int, Mapping[str, str]]:
    """Index -> the parts that change: those of a question of the same image, category and form with the other answer.

    The k-th question with yes takes from the k-th with no, and the other way round, beginning again where these are
    fewer. Where no question has yes, the present objects that none of them asks about are taken in their order. A
    sample for which nothing is known has no entry.
    """
    groups: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for index, (sample, one) in enumerate(zip(samples, found, strict=True)):
        if one is not None and sample.references:
            key = image_of(sample), sample.category, one.form
            groups.setdefault(key, {}).setdefault(sample.references[0].lower(), []).append(index)
    swaps: dict[int, Mapping[str, str]] = {}
    for (image, _, _), by_answer in groups.items():
        yes, no = ({index: _parts(found, index) for index in by_answer.get(answer, ())} for answer in ("yes", "no"))
        asked = {parts[name] for parts in no.values()}
        known = [{name: one} for one in present.get(image, ()) if one not in asked] if not yes else []
        swaps |= _in_turn(list(yes), list(no.values())) | _in_turn(list(no), list(yes.values()) or known)
    return swaps


def _parts(found: Sequence[Recognised | None], index: int) -> Mapping[str, str]:
    one = found[index]
    assert one is not None
    return one.parts


def _in_turn(indices: Sequence[int], others: Sequence[Mapping[str, str]]) -> dict[int, Mapping[str, str]]:
    return {index: others[place % len(others)] for place, index in enumerate(indices if others else ())}
