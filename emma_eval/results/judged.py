"""Scores that rest on a judge model: a folder for each judge below the run whose answers it judged.

`RUN/judged/TASK-JUDGE-HASH` holds `verdicts.jsonl` and, once every answer is judged, the files that a run has of a
scored task: `scores.json`, `samples/`, `statistics/`. Commands that read a run's scores read these with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveInt

from emma_eval.errors import UserError
from emma_eval.results.responses import log_path
from emma_eval.utils.files import sha256_of_file
from emma_eval.utils.records import Record

JUDGED_FOLDER = "judged"
HASH_LETTERS = 8  # shown of a fingerprint


class JudgeRecord(Record):
    """The judge whose verdicts scores rest on."""

    name: str = Field(description="the model's name, as it was asked for")
    served_as: tuple[str, ...] = Field(default=(), description="the names that the server gave it")
    host: str
    options: dict[str, str] = Field(default={}, description="of --model-option: those that verdicts depend on")
    prompt: str = Field(description="SHA-256 over the fixed texts and the settings of what it is asked")
    fingerprint: str = Field(description="SHA-256 over name, host, options and prompt")
    answers: str = Field(description="SHA-256 of the file of responses that was judged")
    repeats: PositiveInt = Field(default=1, description="verdicts on each answer")
    verdicts: NonNegativeInt
    unparsed: NonNegativeInt = Field(description="verdicts of which no reply was of the form that was asked for")
    prompt_tokens: NonNegativeInt
    new_tokens: NonNegativeInt

    @property
    def server_names(self) -> tuple[str, ...]:
        """What the server calls it; where it does not say, as it was asked for."""
        return self.served_as or (self.name,)

    @property
    def label(self) -> str:
        """By which scores of different judges are kept apart: `judged by gpt-4 as gpt-4-0613 (1a2b3c4d)`."""
        others = [name for name in self.served_as if name != self.name]
        served = f" as {' and '.join(others)}" if others else ""
        return f"judged by {self.name}{served} ({self.short_fingerprint})"

    @property
    def short_fingerprint(self) -> str:
        """Its first letters, which are in the folder's name."""
        return self.fingerprint[:HASH_LETTERS]


def judged_folders(run: Path, scores_file: str) -> Iterator[Path]:
    """The folders of all judges that have scored answers of a run, by name."""
    for path in sorted((run / JUDGED_FOLDER).glob(f"*/{scores_file}")):
        yield path.parent


def answered_run(folder: Path) -> Path:
    """The folder of the run whose answers the scores in `folder` are of: itself, but for that of a judge."""
    above = folder.absolute().parent
    return above.parent if above.name == JUDGED_FOLDER else folder


def require_same_answers(folder: Path, task: str, judge: JudgeRecord) -> None:
    """Raise UserError unless the run's answers are those that were judged."""
    run = answered_run(folder)
    path = log_path(run, task)
    if not path.exists() or sha256_of_file(path) != judge.answers:
        raise UserError(
            f"{folder}: the answers of {run} to {task} have changed since they were judged; judge them again with the "
            "same command (what has not changed is not asked again), or delete the folder"
        )
