"""The judge of a benchmark: what is asked about which answers, which replies are understood, what scores follow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.types import Answers, Key, Sample, Scores


@dataclass(frozen=True, slots=True)
class JudgedTask:
    """A task's samples, a run's answers to them, and the official files of the task's section `judge`."""

    name: str
    samples: Sequence[Sample]
    answers: Answers
    files: Mapping[str, Path]

    def text(self, sample: Sample) -> str:
        """The answer to a sample. Raises UserError without one, for arithmetic that knows no missing answer."""
        answer = self.answers.get((sample.id, 0))
        if answer is None:
            raise UserError(
                f"task {self.name}: {sample.id} has no answer, without which the official tool has no score; "
                "`run` with --retry-failed asks it again"
            )
        return answer.text


@dataclass(frozen=True, slots=True)
class Attempt:
    """One chat request to the judge."""

    user: str
    system: str = ""
    temperature: float | None = None  # None: not sent, the server's own
    max_tokens: int | None = None  # likewise

    @property
    def messages(self) -> list[dict[str, str]]:
        """As chat requests have them."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": self.user}]


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """A question to the judge: chat requests in turn, until a reply is understood."""

    key: Key  # of what it is about: (sample id, pass index); a judge may count kinds of questions as passes
    attempts: tuple[Attempt, ...]
    is_understood: Callable[[str], bool]

    @property
    def digest(self) -> str:
        """SHA-256 over all that the judge may be asked, by which a verdict is found again."""
        text = json.dumps([asdict(attempt) for attempt in self.attempts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


Replies = Mapping[Key, Sequence[str]]  # the last reply to each request, once for each repeat


@dataclass(frozen=True, slots=True)
class TaskJudge:
    """How one benchmark's official tool asks its judge and counts what it says."""

    source: str  # the official tool, repository and commit
    judge: str  # the model that it asks by default, for people
    prompt: str  # all fixed texts and settings of its requests: scores of different ones do not mix
    requests: Callable[[JudgedTask, Replies], list[JudgeRequest]]
    """All that is to be asked, given the replies so far: those to a first round may bring a second. Raises UserError
    for official files that cannot be read or do not fit."""
    scores: Callable[[JudgedTask, Replies], Scores]
    takes_repeats: bool = False  # whether the official tool averages several verdicts on an answer

    @property
    def prompt_digest(self) -> str:
        """SHA-256 of `prompt`."""
        return hashlib.sha256(self.prompt.encode()).hexdigest()
