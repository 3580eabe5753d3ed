"""Questions in other words. A sample whose form is not recognised, or whose right answer is not known, is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from emma_eval.robustness.forms import Form, fill
from emma_eval.robustness.left_out import Changed, LeftOut
from emma_eval.robustness.swapping import PresentObjects, Recognised, partners
from emma_eval.robustness.variants import WHOLE, Variant
from emma_eval.types import Sample

FLIPPED = {"yes": "no", "no": "yes", "Yes": "No", "No": "Yes"}


def recognise(question: str, forms: Mapping[str, Form]) -> Recognised | None:
    """The first form that fits the question, and its parts."""
    for name, form in forms.items():
        if (parts := form.parts(question)) is not None:
            return Recognised(name, parts)
    return None


def reworded(
    samples: Sequence[Sample], variant: Variant, forms: Mapping[str, Form], present: PresentObjects
) -> Changed:
    """The samples that the variant can ask, in its words, with its right answers."""
    assert variant.ask is not None, "a variant of questions"
    usable = {name: form for name, form in forms.items() if name in variant.ask}
    found = [recognise(sample.question, usable) for sample in samples]
    swaps = partners(samples, found, variant.swap, present) if variant.swap else {}
    changed = Changed()
    for index, (sample, one) in enumerate(zip(samples, found, strict=True)):
        if one is None:
            changed.leave_out(LeftOut.FORM)
        elif variant.answer == "flipped" and not all(reference in FLIPPED for reference in sample.references):
            changed.leave_out(LeftOut.NOT_YES_OR_NO)
        elif variant.swap and index not in swaps:
            changed.leave_out(LeftOut.NO_PARTNER)
        else:
            parts = {WHOLE: sample.question, **one.parts, **swaps.get(index, {})}
            text = fill(variant.ask[one.form], parts)
            question = text[0].upper() + text[1:]
            references = sample.references
            if variant.answer == "flipped":
                references = tuple(FLIPPED[reference] for reference in references)
            changed.samples.append(replace(sample, question=question, references=references))
    return changed
