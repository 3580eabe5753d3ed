"""The sections that there are, in the order of the page; each is imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from emma_eval.errors import UserError
from emma_eval.utils.text import did_you_mean

if TYPE_CHECKING:
    from emma_eval.interpretability.analysis.section import SectionBuilder
    from emma_eval.interpretability.analysis.subject import Subject


@dataclass(frozen=True, slots=True)
class SectionKind:
    """How a section is built."""

    module: str  # within this package
    builder: str  # a class in it, made of a Subject
    needs_alignment: bool
    words: str  # what it shows

    def build(self, subject: Subject) -> SectionBuilder:
        """A builder that has seen nothing yet."""
        module = importlib.import_module(f"{__package__}.{self.module}")
        return cast("SectionBuilder", getattr(module, self.builder)(subject))


SECTIONS: Mapping[str, SectionKind] = {
    "norms": SectionKind("norms", "NormsBuilder", True, "norms of W by token, and what each part adds"),
    "movement": SectionKind("movement", "MovementBuilder", True, "how far visual tokens move"),
    "information": SectionKind("information", "InformationBuilder", False, "mutual information before and after"),
    "spectrum": SectionKind("spectrum", "SpectrumBuilder", True, "singular values and effective rank of W"),
    "attention": SectionKind("attention", "AttentionBuilder", False, "where answer tokens look, and heat maps"),
    "two-questions": SectionKind(
        "two_questions", "TwoQuestionsBuilder", False, "what two questions change about one image"
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


def usable_sections(names: list[str], *, has_alignment: bool, chosen: bool, model: str) -> dict[str, str]:
    """Of these sections, those that the model can't show -> why; raises UserError if one of them was chosen."""
    needy = [name for name in names if SECTIONS[name].needs_alignment and not has_alignment]
    if needy and chosen:
        others = ", ".join(name for name, kind in SECTIONS.items() if not kind.needs_alignment)
        rest = f"; {others} can" if others else ""
        raise UserError(f"{model} has no alignment module: {', '.join(needy)} can't be shown of it{rest}")
    return dict.fromkeys(needy, "the model has no alignment module")
