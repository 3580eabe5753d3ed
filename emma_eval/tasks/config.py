"""The schema of `tasks/*.yaml`: a task's data (local files or a hub data set), its prompt, and its scoring.

`extends: base` merges a file over another one, key by key; bases that are no tasks begin with `_`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from emma_eval.errors import UserError
from emma_eval.tasks.columns import Columns
from emma_eval.tasks.sections import (
    DecodingConfig,
    ExpectedConfig,
    HubConfig,
    JudgeConfig,
    PromptConfig,
    ScorerConfig,
    SubmissionConfig,
    WordingConfig,
)
from emma_eval.tasks.strict import Strict, as_tuple
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.text import did_you_mean

OWN_WORDING = "own"  # names the prompt of a task that no model family's scripts ask so


def _as_section(value: Any) -> Any:
    return {"format": value} if isinstance(value, str) else value


class TaskConfig(Strict):
    """One task, validated. `name` is the file's stem."""

    name: str
    title: str = Field(description="shown in tables")
    benchmark: str = Field(description="with split and metric: the column of the leaderboard")
    split: str = Field(description="of the benchmark: val, test-dev, ...")
    homepage: str = Field(default="", description="where the official files come from")
    reader: str = Field(description="the format of the files")
    files: dict[str, Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)]] = Field(
        default_factory=dict, description="paths below the data root; of several the first existing one"
    )
    suite: str | None = Field(default=None, description="the shipped data set that has the `files`, instead of --data")
    hub: HubConfig | None = Field(default=None, description="the same samples on the hub, if no local file exists")
    columns: Columns | None = Field(default=None, description="which column holds what, for the reader `table`")
    select: dict[str, str | bool] = Field(
        default_factory=dict, description="keep samples whose meta entries equal these"
    )
    prompt: PromptConfig = Field(default=PromptConfig(), description="how a question is laid out")
    generation: DecodingConfig = Field(default=DecodingConfig(), description="how long an answer may be")
    wording: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        default=(), description="the model families whose scripts use this prompt; `own` if none do"
    )
    wordings: dict[str, WordingConfig] = Field(
        default_factory=dict, description="model family -> what its own scripts have instead: prompt, generation"
    )
    circular: bool = Field(default=False, description="ask once per rotation of the options")
    metric: str = Field(description="the primary metric's name")
    protocol: str = Field(default="official", description="the protocol used when none is named")
    protocols: dict[str, ScorerConfig] = Field(min_length=1, description="ways of counting: name -> scorer")
    submission: Annotated[SubmissionConfig | None, BeforeValidator(_as_section)] = Field(
        default=None, description="the file that a judge or a test server takes: a format's name, or its keys"
    )
    judge: Annotated[JudgeConfig | None, BeforeValidator(_as_section)] = Field(
        default=None, description="how the command `judge` has a judge model score it: a format's name, or its keys"
    )
    expected: ExpectedConfig = Field(description="what the data must hold")

    @field_validator("files")
    @classmethod
    def _files_stay_below_the_root(cls, files: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for names in files.values():
            for name in names:
                safe_relative_path(name)
        return files

    @model_validator(mode="after")
    def _wordings_have_names(self) -> TaskConfig:
        if self.wordings and not all(self.wording or [""]):
            raise ValueError("key 'wording' must say whose wording `prompt` is, beside those of `wordings`")
        if twice := [name for name in self.wording if name in self.wordings]:
            raise ValueError(f"key 'wordings': {twice[0]!r} is the wording of `prompt` itself")
        return self

    @property
    def own_wording(self) -> str:
        """What records call the wording of `prompt`: the first of its families; empty where there is no other."""
        return self.wording[0] if self.wording else ""

    def wording_for(self, family: str | None) -> str:
        """The wording for models of this family: its own if the task has it, else the task's."""
        return family if family in self.wordings and family else self.own_wording

    def with_wording(self, wording: str) -> TaskConfig:
        """The task with the prompt and generation of that wording. Raises UserError for a wording it does not have."""
        if wording in self.wording or not (wording or self.wording):
            return self
        if wording not in self.wordings:
            hint = did_you_mean(wording, (*self.wording, *self.wordings)) or "; it has but one"
            raise UserError(f"task {self.name}: unknown wording {wording!r}{hint}")
        other = self.wordings[wording]
        return self.model_copy(update={"prompt": other.prompt, "generation": other.generation})

    def scorer_config(self, protocol: str | None = None) -> ScorerConfig:
        """The scorer of a protocol, the default one for None. Raises UserError for an unknown protocol."""
        name = protocol or self.protocol
        if name not in self.protocols:
            raise UserError(f"task {self.name}: unknown protocol {name!r}{did_you_mean(name, self.protocols)}")
        return self.protocols[name]

    def primary_metric(self, protocol: str | None = None) -> str:
        """The name of a protocol's primary metric, the default one's for None. Raises UserError for an unknown one."""
        return self.scorer_config(protocol).metric or self.metric
