"""Which measured numbers are of the same questions, asked alike: what alone may stand in one column or plot."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from emma_eval.results.scores import TaskScores
from emma_eval.utils.text import pluralize

HASH = 8  # letters shown of a hash; the manifest has them all


@dataclass(frozen=True, slots=True)
class Asking:
    """What two numbers must have in common to be compared."""

    task: str
    protocol: str
    complete: bool
    samples: int
    reference_digest: str  # SHA-256 over sample ids and references
    config: str  # hash over the task file
    wording: str = ""  # the model family whose wording was asked for instead of the model's own
    prompts: str = ""  # hash over the prompts, where models of one template and wording were sent different ones

    @property
    def extent(self) -> str:
        """'30 questions only'; empty where all of them were asked."""
        return "" if self.complete else f"{pluralize(self.samples, 'question')} only"


DETAILS: tuple[Callable[[Asking], str], ...] = (
    lambda one: f"task {one.task}",
    lambda one: pluralize(one.samples, "question"),
    lambda one: f"wording of {one.wording}" if one.wording else "the models' own wording",
    lambda one: f"samples {one.reference_digest[:HASH]}",
    lambda one: f"task file {one.config[:HASH]}",
    lambda one: f"prompts {one.prompts[:HASH]}",
)


def askings(tasks: Sequence[TaskScores]) -> list[Asking]:
    """How each was asked. Models of different templates or wordings are sent different prompts by design."""
    bare = [
        Asking(
            task=one.name,
            protocol=one.protocol,
            complete=one.complete,
            samples=one.counts.samples,
            reference_digest=one.asked.reference_digest,
            config=one.asked.config,
            wording=one.asked.wording,
        )
        for one in tasks
    ]
    sent: dict[tuple[Asking, str, str], set[str]] = {}
    for asking, one in zip(bare, tasks, strict=True):
        sent.setdefault((asking, one.asked.template, one.wording), set()).add(one.asked.prompts)
    mixed = {asking for (asking, _, _), prompts in sent.items() if len(prompts) > 1}
    return [
        replace(asking, prompts=one.asked.prompts) if asking in mixed else asking
        for asking, one in zip(bare, tasks, strict=True)
    ]


def told_apart(shown: Mapping[Asking, Hashable]) -> dict[Asking, str]:
    """By `shown`, the words that each stands under: what else tells it from those under the same words; often nothing.

    Hashes are the beginnings of those in the run's manifest.
    """
    return {
        asking: ", ".join(_details(asking, [other for other, theirs in shown.items() if theirs == words]))
        for asking, words in shown.items()
    }


def _details(asking: Asking, rivals: Sequence[Asking]) -> list[str]:
    """The first details that leave none of the rivals but itself."""
    found = []
    for detail in DETAILS:
        if len(rivals) == 1:
            break
        alike = [other for other in rivals if detail(other) == detail(asking)]
        if len(alike) < len(rivals):
            found.append(detail(asking))
            rivals = alike
    return found
