"""Objects exchanged for one of the same image whose right answer is known to be the other one.

It comes from the benchmark alone: another question about the image (POPE asks of each image as many present objects as
absent ones), or the objects that the benchmark's annotation lists as present (AMBER).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emma_eval.scorers.common import image_of
from emma_eval.types import Sample

PRESENT = "present_objects"  # the meta entry with the objects that are in the image


@dataclass(frozen=True, slots=True)
class Recognised:
    """A question's form, and its parts by name."""

    form: str
    parts: Mapping[str, str]


def partners(samples: Sequence[Sample], found: Sequence[Recognised | None], name: str) -> dict[int, Mapping[str, str]]:
    """Index -> the parts that change: those of a question of the same image, category and form with the other answer.

    The k-th question with yes takes from the k-th with no, and the other way round, beginning again where these are
    fewer. Where no question has yes, the image's present objects are taken in their order. Others have no entry.
    """
    groups: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for index, (sample, one) in enumerate(zip(samples, found, strict=True)):
        if one is not None and sample.references:
            key = image_of(sample), sample.category, one.form
            groups.setdefault(key, {}).setdefault(sample.references[0].lower(), []).append(index)
    swaps: dict[int, Mapping[str, str]] = {}
    for by_answer in groups.values():
        yes, no = by_answer.get("yes", []), by_answer.get("no", [])
        for ours, theirs in ((yes, no), (no, yes)):
            for place, index in enumerate(ours if theirs else ()):
                other = found[theirs[place % len(theirs)]]
                assert other is not None
                swaps[index] = other.parts
        present = samples[no[0]].meta.get(PRESENT, ()) if no and not yes else ()
        for place, index in enumerate(no if present else ()):
            swaps[index] = {name: present[place % len(present)]}
    return swaps
