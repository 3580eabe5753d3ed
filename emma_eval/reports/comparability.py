"""Which measured numbers may stand in one column or plot: those of the same questions, asked in the same way."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from emma_eval.inference.engine import OWN_TEMPLATE, SERVER_TEMPLATE
from emma_eval.reports.shipped_tasks import shipped_task
from emma_eval.results.scores import TaskScores
from emma_eval.utils.text import pluralize

HASH_LETTERS = 8  # shown of a hash; the manifest has all


@dataclass(frozen=True, slots=True)
class ComparabilityKey:
    """What two numbers must have in common to be compared."""

    task: str
    protocol: str
    complete: bool
    samples: int
    reference_digest: str  # SHA-256 over sample ids and references
    config: str  # SHA-256 over the task file
    wording: str = ""  # the model family that --wording names; empty: the model's own
    prompts: str = ""  # SHA-256 over the prompts, where it differs between models of one template and wording

    @property
    def extent(self) -> str:
        """'30 questions only'; empty if all were asked."""
        return "" if self.complete else f"{pluralize(self.samples, 'question')} only"


DETAILS: tuple[Callable[[ComparabilityKey], str], ...] = (
    lambda key: f"task {key.task}",
    lambda key: pluralize(key.samples, "question"),
    lambda key: f"wording of {key.wording}" if key.wording else "the models' own wording",
    lambda key: f"samples {key.reference_digest[:HASH_LETTERS]}",
    lambda key: f"task file {key.config[:HASH_LETTERS]}",
    lambda key: f"prompts {key.prompts[:HASH_LETTERS]}",
)


def comparability_keys(tasks: Sequence[TaskScores]) -> list[ComparabilityKey]:
    """The key of each task's scores. Models of different templates or wordings get different prompts by design."""
    keys = [
        ComparabilityKey(
            task=task.name,
            protocol=task.protocol,
            complete=task.complete,
            samples=task.counts.samples,
            reference_digest=task.setup.reference_digest,
            config=task.setup.config,
            wording=task.setup.wording,
        )
        for task in tasks
    ]
    prompts: dict[tuple[ComparabilityKey, str, str], set[str]] = {}
    for key, task in zip(keys, tasks, strict=True):
        prompts.setdefault((key, task.setup.template, _wording(task)), set()).add(task.setup.prompts)
    mixed = {key for (key, _, _), hashes in prompts.items() if len(hashes) > 1}
    return [
        replace(key, prompts=task.setup.prompts) if key in mixed else key for key, task in zip(keys, tasks, strict=True)
    ]


def _wording(task: TaskScores) -> str:
    """The wording; of a record from before the task had several, the task's own."""
    shipped = shipped_task(task.name)
    return task.wording or (shipped.own_wording if shipped else "")


def template_notes(asked: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Which conversation templates models were asked in, where it is not one and the same that has a name here.

    `asked` are names of models and of their templates, empty where a record does not say.
    """
    models: dict[str, dict[str, None]] = {}
    for name, template in asked:
        if template:
            models.setdefault(template, {})[name] = None
    if len(models) < 2 and not models.keys() & {OWN_TEMPLATE, SERVER_TEMPLATE}:
        return ()
    in_words = {OWN_TEMPLATE: "the model's own chat template", SERVER_TEMPLATE: "a server's, which is not seen"}
    groups = [f"{', '.join(names)} in {in_words.get(template, template)}" for template, names in models.items()]
    return (f"Conversation templates: {'; '.join(groups)}.",)


def distinguishing_details(titles: Mapping[ComparabilityKey, Hashable]) -> dict[ComparabilityKey, str]:
    """What distinguishes each key from the others of the same title; mostly nothing.

    Hashes are cut to the first letters of those in the run's manifest.
    """
    return {
        key: ", ".join(_details(key, [other for other, other_title in titles.items() if other_title == title]))
        for key, title in titles.items()
    }


def _details(key: ComparabilityKey, rivals: Sequence[ComparabilityKey]) -> list[str]:
    """The first details that together leave no rival but the key itself."""
    found = []
    for detail in DETAILS:
        if len(rivals) == 1:
            break
        alike = [other for other in rivals if detail(other) == detail(key)]
        if len(alike) < len(rivals):
            found.append(detail(key))
            rivals = alike
    return found
