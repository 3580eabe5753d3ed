"""The variants of `robustness`: how questions, options or images are changed. Data, read from YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from emma_eval.errors import UserError
from emma_eval.interpretability.variants import Name, chosen_names, is_variant_file
from emma_eval.robustness.corruptions import FAMILIES, HELD_OUT, Corruption
from emma_eval.robustness.forms import Form, compile_form, template_names
from emma_eval.tasks.strict import Strict
from emma_eval.utils.validation import first_validation_error
from emma_eval.utils.yaml_io import read_yaml

SHIPPED = Path(__file__).with_name("variants.yaml")
ORIGINAL = "original"  # the tasks as they are, with which every variant is compared
CORRUPTIONS = "corruptions"  # in `--variants`, all of them
CORRUPTION_SEVERITIES = (1, 3, 5)
WHOLE = "question"  # in a template, the question as it is

OptionOrder = Literal["rotated", "reversed"]
RightAnswer = Literal["same", "flipped"]


class Variant(Strict):
    """One variant: a line of words for readers, its family, and one change."""

    words: str = Field(min_length=1, max_length=200)
    family: Name  # variants that are summed up together
    ask: dict[Name, str] | None = Field(default=None, min_length=1, description="form -> the question instead")
    answer: RightAnswer = "same"  # flipped: yes becomes no, no becomes yes
    swap: str | None = None  # a name in braces, taken from a question of the same image with the other answer
    options: OptionOrder | None = None
    places: int | None = Field(default=None, ge=1, le=25)  # of rotated
    corruption: str | None = None  # of the image: a name of `corruptions`
    severity: int | None = Field(default=None, ge=1, le=5)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if sum(change is not None for change in (self.ask, self.options, self.corruption)) != 1:
            raise ValueError("exactly one of ask, options, corruption is needed")
        if (self.options == "rotated") != (self.places is not None):
            raise ValueError("options: rotated and places go together")
        if (self.corruption is None) != (self.severity is None):
            raise ValueError("corruption and severity go together")
        if self.corruption is not None and self.severity is not None:
            try:
                Corruption(self.corruption, self.severity)
            except UserError as error:
                raise ValueError(str(error)) from None
        if self.ask is None and (self.answer != "same" or self.swap is not None):
            raise ValueError("answer and swap go with ask")
        if self.swap is not None and self.answer != "flipped":
            raise ValueError("swap takes what has the other answer: answer: flipped is needed")
        return self

    @property
    def definition(self) -> str:
        """The changes as JSON, without the words: what a run of it is recognised by."""
        return json.dumps(self.model_dump(exclude_defaults=True, exclude={"words", "family"}), sort_keys=True)


class _VariantFile(Strict):
    fields: dict[str, str] = Field(default_factory=dict)
    forms: dict[Name, str] = Field(default_factory=dict)
    variants: dict[Name, Variant] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class VariantSet:
    """Variants, and the forms of questions that they change, in the order in which they are tried."""

    forms: Mapping[str, Form]
    variants: Mapping[str, Variant]


def read_variants(path: Path, known: VariantSet | None = None) -> VariantSet:
    """The variants of a file; its forms come before those that are `known`. Raises UserError naming file and key."""
    try:
        content = _VariantFile.model_validate(read_yaml(path))
        forms = {name: compile_form(text, content.fields) for name, text in content.forms.items()}
        every = {**forms, **(known.forms if known else {})}
        _require_new_names(content, known)
        for name, variant in content.variants.items():
            _require_known(name, variant, every)
    except ValidationError as error:
        raise UserError(f"{path}: {first_validation_error(error)}") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    return VariantSet(every, content.variants)


def _require_new_names(content: _VariantFile, known: VariantSet | None) -> None:
    """Raise ValueError for a name that means something else already."""
    if ORIGINAL in content.variants:
        raise ValueError(f"variants.{ORIGINAL}: this name is that of the tasks as they are")
    if known and (taken := [name for name in content.forms if name in known.forms]):
        raise ValueError(f"forms.{taken[0]}: this name is that of a shipped form")


def _require_known(name: str, variant: Variant, forms: Mapping[str, Form]) -> None:
    """Raise ValueError for a form, or a name in braces, that there is not."""
    for form, template in (variant.ask or {}).items():
        if form not in forms:
            raise ValueError(f"variants.{name}.ask: there is no form {form!r}; known: {', '.join(forms)}")
        names = (*forms[form].names, WHOLE)
        for used in (*template_names(template), *([variant.swap] if variant.swap else ())):
            if used not in names:
                raise ValueError(
                    f"variants.{name}.ask.{form}: {{{used}}} is not in the form; it has {', '.join(names)}"
                )


def choose_variants(text: str | None) -> VariantSet:
    """The variants of `--variants`: a YAML file, or names of shipped variants and families.

    Without it all that are shipped as YAML; corruptions of images, which are many, are run where they are named.
    Raises UserError for an unknown name, and for a file that defines none or wrongly.
    """
    shipped = read_variants(SHIPPED)
    if text is None:
        return shipped
    if is_variant_file(text):
        return read_variants(Path(text), shipped)
    every = {**shipped.variants, **corruption_variants()}
    keys = {name: {name, one.family, *_corruption_names(one)} for name, one in every.items()}
    wanted = set(chosen_names(text, dict.fromkeys(key for of_one in keys.values() for key in of_one), ORIGINAL))
    return VariantSet(shipped.forms, {name: one for name, one in every.items() if keys[name] & wanted})


def _corruption_names(variant: Variant) -> list[str]:
    """What else chooses a variant: its corruption in every severity, and all corruptions of the paper's mean."""
    if variant.corruption is None:
        return []
    return [variant.corruption, *([] if variant.corruption in HELD_OUT else [CORRUPTIONS])]


def corruption_variants() -> dict[str, Variant]:
    """The families of ImageNet-C, each in three severities; those of a kind are one family of variants.

    The families that the paper keeps for tuning are one of their own.
    """
    return {
        f"{corruption}_{severity}": Variant(
            words=f"images with {corruption.replace('_', ' ')}, severity {severity} of 5",
            family="held_out" if corruption in HELD_OUT else kind,
            corruption=corruption,
            severity=severity,
        )
        for corruption, kind in FAMILIES.items()
        for severity in CORRUPTION_SEVERITIES
    }
