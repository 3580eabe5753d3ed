"""One session on a run folder: begins the folder's run or resumes it, and keeps the manifest."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

from emma_eval.errors import without_secrets
from emma_eval.inference.engine import Engine, EngineDescription, engine_facts, machine_use
from emma_eval.inference.replicas.loading import load_scaled
from emma_eval.models import ModelHandle
from emma_eval.models.checkpoints.templates import template_digest
from emma_eval.results.manifest import (
    Manifest,
    ModelFacts,
    Outcome,
    Session,
    SettingsFacts,
    read_manifest,
    require_same,
    write_manifest,
)
from emma_eval.runs.plan import TaskPlan, with_requests
from emma_eval.runs.progress import RunProgress
from emma_eval.runs.settings import RunSettings, model_name
from emma_eval.runs.sharding import share_of
from emma_eval.types import InferenceStats
from emma_eval.utils import environment

RECORD_SECONDS = 60.0


class RunSession:
    """The run folder's manifest, the plans with their requests, and the engine once something has to be generated."""

    def __init__(self, settings: RunSettings, model: ModelHandle, folder: Path, progress: RunProgress) -> None:
        self.folder = folder
        self.plans: list[TaskPlan] = []
        self._settings, self._model, self._progress = settings, model, progress
        self._engine: Engine | None = None
        self._recorded = time.monotonic()
        deciding = model.deciding_options
        self.manifest = Manifest(
            name=settings.name,
            model=ModelFacts(
                name=model_name(settings.model.source),
                source=settings.model.source,
                weights=model.fingerprint(),
                config=model.config_digest(),
            ),
            settings=SettingsFacts(
                limit=settings.limit,
                seed=settings.seed,
                allow_partial=settings.allow_partial,
                model_options=dict(settings.model.options if deciding is None else deciding),
                shard=str(settings.shard) if settings.shard else None,
                engine=settings.engine.name,
            ),
            tasks={},
        )

    def begin(self, plans: Sequence[TaskPlan]) -> None:
        """Begin a run. Loads the model, because its family decides the wording of tasks that have several.

        Raises UserError if it cannot be loaded.
        """
        self._set_plans(plans)
        self.engine()
        self._add_requests()
        self._add_session()

    def resume(self, recorded: Manifest, plans: Sequence[TaskPlan]) -> None:
        """Continue the recorded run, without loading its model: the manifest holds what is needed of it.

        Raises UserError, naming the difference, if this session's settings, model, tasks or data are others.
        """
        self._set_plans(plans)
        require_same(self.folder, recorded, self.manifest)
        digest = template_digest(recorded.model.template or "") or recorded.model.template_digest
        self.manifest = self.manifest.model_copy(
            update={
                "model": recorded.model.model_copy(update={"template_digest": digest}),
                "name": self._settings.name or recorded.name,
                "sessions": recorded.sessions,
            }
        )
        self._add_requests()
        require_same(self.folder, recorded, self.manifest)
        self._add_session()

    @property
    def earlier(self) -> Sequence[Session]:
        """The sessions before this one."""
        return self.manifest.sessions[:-1]

    def engine(self) -> Engine:
        """The engine; its model is loaded at the first call. Raises UserError if the model is not the recorded one."""
        if self._engine is None:
            name = self.manifest.model.name
            self._progress.message(f"loading {name}")
            settings = self._settings
            report = self._progress.message
            self._engine = load_scaled(self._model, settings.batch_size, settings.scale, report, settings.engine)
            description = self._engine.describe()
            if description.summary:
                self._progress.message(f"{name}: {description.summary}")
            now = self.manifest.model_copy(update={"model": _loaded(self.manifest.model, description)})
            require_same(self.folder, self.manifest, now)
            self.manifest = now
        return self._engine

    def record_device(self) -> None:
        """Record the device that generates the answers, and how many processes do."""
        engine = self.engine()
        self._update(device_name=machine_use(engine).device_name, replicas=getattr(engine, "replicas", 1))

    def record_progress(self, answered: int, failed: int, stats: InferenceStats) -> None:
        """Record, every minute, what a session that is killed would leave unknown: counts, tokens and costs."""
        if time.monotonic() - self._recorded >= RECORD_SECONDS:
            self._recorded = time.monotonic()
            self._update(answered=answered, failed=failed, stats=deepcopy(stats))

    def end(self, outcome: Outcome, answered: int, failed: int, stats: InferenceStats) -> None:
        """Record how this session ended, and its counts, times and peaks of memory."""
        use = machine_use(self._engine) if self._engine else None
        self._update(
            engine=engine_facts(self._engine) if self._engine else {},
            outcome=outcome,
            finished=_now(),
            answered=answered,
            failed=failed,
            stats=stats if stats.batches else None,
            host_memory=use.host_memory if use else environment.peak_host_memory(),
            device_memory=use.device_memory if use else None,
        )

    def close(self) -> None:
        """Release the engine, if one was loaded."""
        if self._engine is not None:
            self._engine.close()

    def _set_plans(self, plans: Sequence[TaskPlan]) -> None:
        self.plans = list(plans)
        self.manifest = self.manifest.model_copy(update={"tasks": {plan.task.name: plan.facts for plan in plans}})

    def _add_requests(self) -> None:
        model, wordings, other = self.manifest.model, self._settings.wordings, self._settings.requests
        self._set_plans(
            [
                with_requests(plan, model.template or "", model.family, wordings.get(plan.task.name), other)
                for plan in self.plans
            ]
        )
        if self._settings.shard:
            self._set_plans(share_of(self.plans, self._settings.shard))

    def _add_session(self) -> None:
        sessions = (*self.manifest.sessions, _new_session(self._settings))
        self._write(self.manifest.model_copy(update={"sessions": sessions}))

    def _update(self, **facts: object) -> None:
        *earlier, session = self.manifest.sessions
        sessions = (*earlier, session.model_copy(update=facts))
        self._write(self.manifest.model_copy(update={"sessions": sessions}))

    def _write(self, manifest: Manifest) -> None:
        self.manifest = manifest
        write_manifest(self.folder, manifest)


def open_session(
    settings: RunSettings, model: ModelHandle, folder: Path, plans: Sequence[TaskPlan], progress: RunProgress
) -> RunSession:
    """Resume the folder's run, or begin it. Raises UserError if the folder holds another run."""
    session = RunSession(settings, model, folder, progress)
    try:
        if recorded := read_manifest(folder):
            session.resume(recorded, plans)
        else:
            session.begin(plans)
    except BaseException:
        session.close()  # an engine may be loaded already: processes that nobody else knows
        raise
    return session


def _loaded(facts: ModelFacts, description: EngineDescription) -> ModelFacts:
    """The facts with those that only the loaded model knows."""
    return facts.model_copy(
        update={
            "template": description.template,
            "template_digest": description.template_digest or None,
            "summary": description.summary or None,
            "family": description.family,
            "parameters": description.parameters,
            "dtype": description.dtype,
            "device": description.device.split(":")[0] if description.device else None,
        }
    )


def _new_session(settings: RunSettings) -> Session:
    commit, dirty = environment.git_state()
    return Session(
        started=_now(),
        command=tuple(map(without_secrets, settings.command or sys.argv)),
        batch_size=settings.batch_size,
        ray=settings.scale.ray is not None,
        versions=environment.package_versions(),
        code=environment.code_hash(),
        git_commit=commit,
        git_dirty=dirty,
        platform=platform.platform(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
