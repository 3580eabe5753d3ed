"""The sections of a task file: prompt, generation, hub, scorers, wordings, expected data, submission."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    field_validator,
    model_validator,
)

from emma_eval.tasks.columns import Columns
from emma_eval.tasks.strict import Strict, as_tuple
from emma_eval.utils.files import safe_relative_path


def _plain_name(name: str) -> str:
    """The name itself, which becomes a part of a file's name. Raises ValueError for one that could make a path."""
    if any(sign in name for sign in "/\\\0"):
        raise ValueError(f"a name without slashes is expected, not {name!r:.80}")
    return name


PlainName = Annotated[str, AfterValidator(_plain_name)]
InstructionPolicy = Literal["first_line", "full"]
ImagePlacement = Literal["first", "inline", "pointed", "concatenated", "concatenated_inline", "none"]


class PromptConfig(Strict):
    """The layout of a question, by format strings with the names shown in braces; other braces have no meaning."""

    question: str = Field(default="", description="asked of every sample in place of its own question")
    suffix: str = Field(default="", description="text on lines of its own at the end; {letters}: those of the options")
    suffix_separator: str = Field(default="\n", description="what stands before the suffix")
    open_ended_suffix: str | None = Field(
        default=None, description="the suffix of questions without options, if it is another"
    )
    instruction: InstructionPolicy = Field(default="first_line", description="what EMMA's text encoder reads")
    hint: str = Field(default="", description="put before the question when there is a hint: 'Context: {hint}\\n'")
    hint_suffix: str = Field(default="", description="put after question and options when there is a hint")
    include_empty_hint: bool = Field(default=False, description="lay a hint out even where it is empty")
    missing_hint: str = Field(default="", description="stands for the hint where there is none: 'N/A'")
    option: str = Field(default="", description="put after the question for each option: '\\n{letter}. {text}'")
    options_prefix: str = Field(default="", description="put between the question and its options")
    max_options: PositiveInt | None = Field(default=None, description="show so many options at most")
    strip_text: str = Field(default="", description="text taken out of the question, blanks around it included")
    keep_blanks: bool = Field(default=False, description="leave the blanks around what strip_text takes out")
    capitalize_first: bool = Field(default=False, description="the question's first letter large, all others small")
    collapse_spaces: bool = Field(
        default=False,
        description="replace two blanks by one, drop image markers from the text and blanks from its ends (ScienceQA)",
    )
    images: ImagePlacement = Field(
        default="first",
        description="images before the question (first), where its text points at them (inline; pointed: again at each "
        "pointer, and those without one not at all), concatenated into one before the question (concatenated) or where "
        "its text points (concatenated_inline), or no image (none)",
    )
    image_separator: str = Field(default="\n", description="what stands after each image before the question")
    padding: Literal["model", "none"] = Field(
        default="model", description="whether images are padded to a square: as the model's config says, or never"
    )

    @property
    def hints(self) -> tuple[str, str]:
        """The layouts of a hint: before the question, and after question and options."""
        return self.hint, self.hint_suffix

    @model_validator(mode="after")
    def _fields_are_used(self) -> PromptConfig:
        for key, layout in (("hint", self.hint), ("hint_suffix", self.hint_suffix)):
            if layout and "{hint}" not in layout:
                raise ValueError(f"prompt.{key} must contain {{hint}}")
        if self.option and not ("{letter}" in self.option and "{text}" in self.option):
            raise ValueError("prompt.option must contain {letter} and {text}")
        return self


class DecodingConfig(Strict):
    """Greedy decoding; only its length is set."""

    max_new_tokens: int = Field(  # the limit is beyond what any model of this kind can write
        default=128, gt=0, le=65_536, description="how many tokens an answer has at most"
    )
    min_new_tokens: int = Field(default=0, ge=0, description="the answer does not end before it has so many tokens")

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> DecodingConfig:
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError(
                f"generation.min_new_tokens, {self.min_new_tokens}, is above max_new_tokens, {self.max_new_tokens}"
            )
        return self


class HubImages(Strict):
    """Images that live in another configuration of the same data set."""

    config: PlainName = Field(description="the configuration that holds the images")
    key: str = Field(description="the column of a question that names its image's `id`")


class HubConfig(Strict):
    """A data set on the Hugging Face hub (or a local folder in its layout) that gives the same samples."""

    id: str = Field(description="OWNER/NAME on the hub, or a folder")
    split: PlainName = Field(default="", description="whose rows are the samples")
    files: tuple[str, ...] = Field(
        default=(), description="instead of a split: files and folders of the repository that are the official ones"
    )
    config: PlainName | None = Field(default=None, description="the configuration of the data set, if it has several")
    revision: str | None = Field(default=None, description="a commit, to pin the data")
    images: HubImages | None = Field(default=None, description="where the images are, if not in the rows")
    columns: Columns | None = Field(
        default=None,
        description="which column holds what; the reader `table` then reads the rows, whatever reads the files",
    )

    @field_validator("files", mode="before")
    @classmethod
    def _files_are_paths(cls, files: Any) -> Any:
        if not isinstance(files, list):
            return files
        return tuple(safe_relative_path(file) if isinstance(file, str) else file for file in files)

    @model_validator(mode="after")
    def _gives_rows_or_files(self) -> HubConfig:
        if bool(self.split) == bool(self.files):
            raise ValueError("either hub.split, whose rows are read, or hub.files is needed")
        return self


class ScorerConfig(BaseModel):
    """A scorer by name and its primary metric; every other key is a keyword argument of the scorer."""

    model_config = ConfigDict(extra="allow", frozen=True)

    scorer: str = Field(description="the name of a metric family")
    metric: str | None = Field(default=None, description="the protocol's primary metric, where it is not the task's")

    @property
    def options(self) -> dict[str, Any]:
        """The scorer's keyword arguments."""
        return dict(self.model_extra or {})


class WordingConfig(Strict):
    """How the scripts of one model family ask; what it leaves out is as in the task's own `prompt` and `generation`."""

    prompt: PromptConfig = Field(default=PromptConfig(), description="merged over the task's own")
    generation: DecodingConfig = Field(default=DecodingConfig(), description="merged over the task's own")
    published: bool = Field(
        default=True, description="false where the family's authors published no prompt for this benchmark"
    )
    source: str = Field(default="", description="where it was published; else what it follows")


class ReleaseConfig(Strict):
    """One of several official releases of the data, known by what it asks."""

    questions: str = Field(description="SHA-256 over its questions, see `prompts.question_notes.questions_digest`")
    note: str = Field(default="", description="who used it, and what is special about it")


class ExpectedConfig(Strict):
    """What the data must hold; more than one number where official releases differ, none where it is not known."""

    samples: Annotated[tuple[PositiveInt, ...], BeforeValidator(as_tuple)] = Field(
        description="their number; several if official releases differ, none if it is not known"
    )
    sha256: dict[str, str] = Field(default_factory=dict, description="file key -> hash, for `data verify`")
    releases: dict[str, ReleaseConfig] = Field(
        default_factory=dict, description="name -> an official release, where several ask differently"
    )

    def allows(self, count: int) -> bool:
        """Whether so many samples are all of them, as far as is known."""
        return not self.samples or count in self.samples

    @property
    def in_words(self) -> str:
        """`19,242 or 17,990`, or a question mark."""
        return " or ".join(f"{count:,}" for count in self.samples) or "?"


class JudgeConfig(Strict):
    """What a judge model decides of the answers, and the official files that it needs beside the task's own."""

    format: str = Field(description="the name of a judge")
    files: dict[str, Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)]] = Field(
        default_factory=dict, description="paths below the data root: of several the first existing one"
    )

    @field_validator("files")
    @classmethod
    def _files_stay_below_the_root(cls, files: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {key: tuple(map(safe_relative_path, names)) for key, names in files.items()}


class SubmissionConfig(Strict):
    """The file for a judge or a test server."""

    format: str = Field(description="the name of a submission format")
    all_questions: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        default=(), description="paths below the data root: the server's whole split, of which this task is a part"
    )
