"""The sections that there are, in the order of the page; each is imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from emma_eval.errors import UserError
from emma_eval.runs.settings import model_name
from emma_eval.utils.text import did_you_mean

if TYPE_CHECKING:
    from emma_eval.interpretability.ablated_model import AblatedModel
    from emma_eval.interpretability.analysis.section import SectionBuilder
    from emma_eval.interpretability.analysis.subject import Subject


@dataclass(frozen=True, slots=True)
class SectionKind:
    """How a section is built."""

    module: str  # within this package
    builder: str  # a class in it, made of a Subject
    needs_alignment: bool
    words: str  # what it shows
    needs_features: bool = True  # of EMMA's or LLaVA's visual tokens; else mPLUG-Owl2 has the section, too

    def build(self, subject: Subject) -> SectionBuilder:
        """A builder that has seen nothing yet."""
        module = importlib.import_module(f"{__package__}.{self.module}")
        return cast("SectionBuilder", getattr(module, self.builder)(subject))


SECTIONS: Mapping[str, SectionKind] = {
    "norms": SectionKind("norms", "NormsBuilder", True, "norms of W by token, and what each part adds"),
    "movement": SectionKind("movement", "MovementBuilder", True, "how far visual tokens move"),
    "information": SectionKind("information", "InformationBuilder", False, "mutual information before and after"),
    "spectrum": SectionKind("spectrum", "SpectrumBuilder", True, "singular values and effective rank of W"),
    "attention": SectionKind("attention", "AttentionBuilder", False, "where answer tokens look, and heat maps", False),
    "two-questions": SectionKind(
        "two_questions", "TwoQuestionsBuilder", False, "what two questions change about one image", False
    ),
}


def choose_sections(text: str | None) -> list[str]:
    """The sections of `--sections`, in the page's order; all without it. Raises UserError for an unknown one."""
    if text is None:
        return list(SECTIONS)
    names = [name for part in text.split(",") if (name := part.strip())]
    for name in names:
        if name not in SECTIONS:
            hint = did_you_mean(name, SECTIONS) or f"; known: {', '.join(SECTIONS)}"
            raise UserError(f"--sections: there is no section {name!r}{hint}")
    if not names:
        raise UserError(f"--sections names none; known: {', '.join(SECTIONS)}")
    return [name for name in SECTIONS if name in names]


def usable_sections(names: list[str], model: AblatedModel, *, chosen: bool) -> dict[str, str]:
    """Of these sections, those that the model can't show -> why; raises UserError if one of them was chosen."""

    def is_shown(kind: SectionKind) -> bool:
        return (model.has_alignment or not kind.needs_alignment) and not (model.is_mplug_owl2 and kind.needs_features)

    needy = [name for name in names if not is_shown(SECTIONS[name])]
    reason = "mPLUG-Owl2 has no alignment module" if model.is_mplug_owl2 else "the model has no alignment module"
    if needy and chosen:
        others = ", ".join(name for name, kind in SECTIONS.items() if is_shown(kind))
        source = model_name(model.handle.spec.source)
        raise UserError(f"{source}: {', '.join(needy)} can't be shown of it: {reason}; {others} can")
    return dict.fromkeys(needy, reason)
