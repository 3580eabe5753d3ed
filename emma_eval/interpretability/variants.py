"""The variants of an ablation: what is changed in the weights, the instruction, the image. Data, read from YAML."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from emma_eval.errors import UserError
from emma_eval.tasks.strict import Strict
from emma_eval.utils.text import did_you_mean
from emma_eval.utils.validation import first_validation_error
from emma_eval.utils.yaml_io import read_yaml

SHIPPED = Path(__file__).with_name("variants.yaml")
FULL = "full"  # the model as it is, with which every variant is compared
YAML_ENDINGS = (".yaml", ".yml")

WeightChange = Literal["alignment_off", "text_off", "image_identity"]
InstructionChange = Literal["empty", "other", "whole", "system"]
ImageChange = Literal["blurred", "blank", "other", "none"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]  # names a folder, too


class Variant(Strict):
    """One variant: a line of words for readers, and at least one change."""

    words: str = Field(min_length=1, max_length=200)
    weights: WeightChange | None = None
    instruction: InstructionChange | None = None
    image: ImageChange | None = None
    blur_radius: float | None = Field(default=None, gt=0, le=1)  # standard deviation, share of the shorter side
    seed: int = 0  # of the permutations that `other` draws

    @field_validator("words")
    @classmethod
    def _in_one_line(cls, words: str) -> str:
        line = " ".join(words.split())
        if not line or not line.isprintable():
            raise ValueError("a line of printable text is expected")
        return line

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if all(change is None for change in (self.weights, self.instruction, self.image)):
            raise ValueError("it changes nothing: one of weights, instruction, image is needed")
        if (self.image == "blurred") != (self.blur_radius is not None):
            raise ValueError("image: blurred and blur_radius go together")
        return self

    @property
    def needs_alignment(self) -> bool:
        """Whether it means nothing for a model without an alignment module."""
        return self.weights is not None or self.instruction is not None

    @property
    def definition(self) -> str:
        """The changes as JSON, without the words: what a run of it is recognised by."""
        return json.dumps(self.model_dump(exclude_defaults=True, exclude={"words"}), sort_keys=True)


class _VariantFile(Strict):
    variants: dict[Name, Variant] = Field(min_length=1)


def read_variants(path: Path) -> dict[str, Variant]:
    """The variants of a file, by name. Raises UserError naming the file and the key."""
    content = read_yaml(path)
    try:
        variants = _VariantFile.model_validate(content).variants
    except ValidationError as error:
        raise UserError(f"{path}: {first_validation_error(error)}") from None
    if FULL in variants:
        raise UserError(f"{path}: variants.{FULL}: this name is the unchanged model's, which is always run")
    return variants


def choose_variants(text: str | None) -> dict[str, Variant]:
    """The variants of `--variants`: a YAML file, or names of shipped ones; all shipped ones without it.

    Raises UserError for an unknown name, and for a file that defines none or wrongly.
    """
    if text is not None and is_variant_file(text):
        return read_variants(Path(text))
    shipped = read_variants(SHIPPED)
    return shipped if text is None else {name: shipped[name] for name in chosen_names(text, shipped, FULL)}


def is_variant_file(text: str) -> bool:
    """Whether a value of `--variants` is a file's path rather than names."""
    return text.endswith(YAML_ENDINGS) or "/" in text


def chosen_names(text: str, known: Collection[str], unchanged: str) -> list[str]:
    """The names in `V,...`, without the unchanged one, which is always run. Raises UserError for an unknown name."""
    names = [name for part in text.split(",") if (name := part.strip())]
    for name in names:
        if name not in known and name != unchanged:
            hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
            raise UserError(f"--variants: there is neither a variant nor a .yaml file {name!r}{hint}")
    chosen = [name for name in names if name != unchanged]
    if not chosen:
        raise UserError(f"--variants names none beside {unchanged}; known: {', '.join(known)}")
    return chosen
