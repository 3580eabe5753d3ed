"""The samples that a run was asked, found again: run folders hold no questions, references and images.

Nothing is downloaded. Samples are given only if they, and their references, are exactly those of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from emma_eval.data.loading import read_local_samples, read_samples
from emma_eval.data.location import DataLocation, locate_data
from emma_eval.data.selection import reference_digest, select_subset
from emma_eval.errors import UserError
from emma_eval.registry import entries, import_object
from emma_eval.results.manifest import VARIANT_OPTION, Manifest
from emma_eval.tasks.index import task_names
from emma_eval.tasks.loading import load_task
from emma_eval.tasks.sources import find_source
from emma_eval.types import Sample

OTHER_DATA = "the data found are not those that the answers were scored by"
CHANGED_QUESTIONS = "a variant's questions or right answers are not the task's own: its prompts show what was asked"


@dataclass(frozen=True, slots=True)
class RunSamples:
    """All samples of a task's data; none, with the reason, if the data are missing or not those of the run."""

    samples: Sequence[Sample] = ()
    problem: str = ""

    @property
    def by_id(self) -> Mapping[str, Sample]:
        """The samples by their ids."""
        return {sample.id: sample for sample in self.samples}


def find_run_samples(
    manifests: Sequence[Manifest], name: str, data: Path | None, files: Mapping[str, Path] | None = None
) -> RunSamples:
    """The samples of a task that all of these runs were asked, or parts of.

    They are read from the official files (`files`, by their keys, or those below the data root `data`), a downloaded
    snapshot, the shipped suite, or the hub's cache on this machine.
    """
    if not find_source(name) and name not in task_names():
        return RunSamples(problem=f"no folder known here has the task {name}: name its folder with --task-dir")
    try:
        samples = _read(locate_data(load_task(name), data, files))
    except UserError as error:
        return RunSamples(problem=str(error))
    others = [manifest for manifest in manifests if not is_asked(manifest, name, samples)]
    if others:
        is_changed = any(VARIANT_OPTION in manifest.settings.model_options for manifest in others)
        return RunSamples(problem=CHANGED_QUESTIONS if is_changed else OTHER_DATA)
    return RunSamples(samples)


def is_asked(manifest: Manifest, name: str, samples: Sequence[Sample]) -> bool:
    """Whether the run has these samples and references, or does not have the task."""
    facts = manifest.tasks.get(name)
    return facts is None or facts.reference_digest == reference_digest(subset_of(manifest, samples))


def subset_of(manifest: Manifest, samples: Sequence[Sample]) -> Sequence[Sample]:
    """Of a task's samples those that the run's --limit and --seed select."""
    return select_subset(samples, manifest.settings.limit, manifest.settings.seed)


def as_seen(manifest: Manifest, name: str, samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples that the run was asked, of all of its task, with the images that it showed.

    A run of a variant (`ablate`) may have shown blurred images, say, or none, in place of the samples' own.
    """
    asked = subset_of(manifest, samples)
    definition = manifest.settings.model_options.get(VARIANT_OPTION)
    if definition is None or not asked:
        return asked
    task = load_task(name).with_wording(manifest.tasks[name].wording)
    for place in entries("variants").values():
        images = import_object(place)(definition, task, asked)
        if images is not None:
            return [replace(sample, images=images.get(sample.id, sample.images)) for sample in asked]
    return asked


def _read(location: DataLocation) -> Sequence[Sample]:
    """The samples of official files, or of what the hub has given this machine. Raises UserError without any."""
    try:
        return read_local_samples(location, allow_partial=True)
    except UserError:
        if location.task.hub is None or location.snapshot or location.files:
            raise
        from emma_eval.utils.hub import offline

        with suppress(UserError), offline():
            return read_samples(location, allow_partial=True)
        raise
