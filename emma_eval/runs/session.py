"""One session on a run folder: it joins the run that the folder holds, or begins it, and keeps the manifest."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from emma_eval.inference.stats import Usage
from emma_eval.models.base import Model
from emma_eval.results.manifest import (
    Manifest,
    Outcome,
    Session,
    SettingsFacts,
    UsageFacts,
    read_manifest,
    require_same,
    write_manifest,
)
from emma_eval.runs.model_source import ModelSource, loaded_facts
from emma_eval.runs.plan import TaskPlan, with_requests
from emma_eval.runs.progress import Progress
from emma_eval.runs.settings import RunSettings
from emma_eval.utils import environment


class RunSession:
    """The run folder's manifest, the prompts, and the model once something has to be asked of it."""

    def __init__(
        self,
        settings: RunSettings,
        source: ModelSource,
        folder: Path,
        plans: Sequence[TaskPlan],
        progress: Progress,
    ) -> None:
        """Join the folder's run, or begin it. Raises UserError if the folder holds another run."""
        self.folder, self._source, self._progress = folder, source, progress
        self._facts = source.describe()
        self._model: Model | None = None
        now = Manifest(
            name=settings.name,
            model=self._facts,
            settings=SettingsFacts(
                limit=settings.limit,
                seed=settings.seed,
                allow_partial=settings.allow_partial,
                fast_preprocess=settings.fast_preprocess,
            ),
            tasks={plan.task.name: plan.facts for plan in plans},
        )
        before = read_manifest(folder)
        if before:
            require_same(folder, before, now)
            now = now.model_copy(update={"model": before.model, "name": settings.name or before.name})
        self.manifest = now
        # The template is on record when the run has got that far; only a new run must load the model to know it.
        template = now.model.template or self.model().template
        family, told = self.manifest.model.family, settings.wordings
        self.plans = [with_requests(plan, template, family, told.get(plan.task.name)) for plan in plans]
        now = self.manifest.model_copy(update={"tasks": {plan.task.name: plan.facts for plan in self.plans}})
        if before:
            require_same(folder, before, now)
        earlier = before.sessions if before else ()
        self._write(now.model_copy(update={"sessions": (*earlier, _new_session(settings))}))

    def model(self) -> Model:
        """The model, loaded at the first call. Raises UserError if it is not as it was when the run began."""
        if self._model is None:
            self._progress.message(f"loading {self.manifest.model.name}")
            self._model = self._source.load()
            if built := getattr(self._model, "built", ""):
                self._progress.message(f"{self.manifest.model.name}: {built}")
            now = self.manifest.model_copy(update={"model": loaded_facts(self._facts, self._model)})
            require_same(self.folder, self.manifest, now)
            self.manifest = now
        return self._model

    def record_device(self) -> None:
        """Write down the device that will answer."""
        name = environment.device_name(str(getattr(self._model, "device", "cpu")))
        self._update(device_name=name)

    def end(self, outcome: Outcome, answered: int, failed: int, usage: Usage) -> None:
        """Write down how this session ended and what it took."""
        self._update(
            outcome=outcome,
            finished=_now(),
            answered=answered,
            failed=failed,
            usage=UsageFacts(**asdict(usage), idle_share=usage.idle_share) if usage.batches else None,
            host_memory=environment.peak_host_memory(),
            device_memory=environment.peak_device_memory(str(getattr(self._model, "device", "cpu"))),
        )

    def _update(self, **facts: object) -> None:
        *earlier, session = self.manifest.sessions
        sessions = (*earlier, session.model_copy(update=facts))
        self._write(self.manifest.model_copy(update={"sessions": sessions}))

    def _write(self, manifest: Manifest) -> None:
        self.manifest = manifest
        write_manifest(self.folder, manifest)


def _new_session(settings: RunSettings) -> Session:
    commit, dirty = environment.git_state()
    return Session(
        started=_now(),
        command=tuple(sys.argv),
        batch_size=settings.batch_size,
        versions=environment.package_versions(),
        code=environment.code_hash(),
        git_commit=commit,
        git_dirty=dirty,
        platform=platform.platform(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
