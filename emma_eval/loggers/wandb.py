"""Weights & Biases: `--log wandb:PROJECT` or `wandb:ENTITY/PROJECT`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from emma_eval.errors import UserError, without_secrets
from emma_eval.loggers.base import import_package
from emma_eval.loggers.content import SCORE_COLUMNS, LoggedRun, ScoreRow
from emma_eval.loggers.samples import COLUMNS, LoggedSample

INIT_SECONDS = 30.0  # to reach the server
UPLOAD_SECONDS = 1800.0  # in all; a server that takes nothing must not keep a finished run from ending


class WandbLogger:
    """Logs to a project; offline with WANDB_MODE=offline. The run's id is the run folder's key."""

    def __init__(self, name: str) -> None:
        self._wandb = import_package("wandb")
        entity, _, project = name.rpartition("/")
        self._names = {"entity": entity or None, "project": project}
        self._wandb.Settings(**self._names)  # raises for a name that no project may have
        self._wandb.setup(settings=self._wandb.Settings(silent=True))
        self._settings = self._wandb.setup().settings
        if self._settings.mode == "disabled":
            raise UserError("WANDB_MODE=disabled (or the settings of wandb) logs nothing; set it to online or offline")
        if not self._is_offline and not self._wandb.login(prompt=False, verify=False):
            raise UserError("not logged in: `wandb login` or WANDB_API_KEY, or WANDB_MODE=offline and sync later")

    @property
    def _is_offline(self) -> bool:
        return self._settings.mode in ("offline", "dryrun")

    @property
    def place(self) -> str:
        """The server, or that it is not asked."""
        server = without_secrets(self._settings.base_url)
        return f"{server} (offline)" if self._is_offline else server

    def log(self, run: LoggedRun) -> str:
        """One step of history with all numbers and tables; a later session adds another to the same run."""
        with (
            TemporaryDirectory() as images,
            self._wandb.init(
                **self._names,
                id=run.key,
                name=run.name,
                job_type="evaluation",
                resume="allow",
                dir=os.environ.get("WANDB_DIR") or run.folder,
                settings=self._wandb.Settings(
                    silent=True,
                    console="off",
                    disable_code=True,
                    allow_val_change=True,
                    x_disable_stats=True,
                    init_timeout=INIT_SECONDS,
                    finish_timeout=UPLOAD_SECONDS,
                    finish_timeout_raises=True,
                ),
            ) as session,
        ):
            session.config.update(dict(run.config), allow_val_change=True)
            tables = {
                f"samples/{task}": self._sample_table(samples, Path(images, str(number)))
                for number, (task, samples) in enumerate(run.samples())
            }
            session.log({**run.numbers, "scores": self._score_table(run.scores), **tables})
            folder = Path(session.settings.sync_dir).absolute()
            return str(session.url).partition("?")[0] if session.url else f"wandb sync {folder}"

    def _score_table(self, rows: Sequence[ScoreRow]) -> Any:
        return self._wandb.Table(columns=list(SCORE_COLUMNS), data=[list(astuple(row)) for row in rows])

    def _sample_table(self, samples: Sequence[LoggedSample], folder: Path) -> Any:
        """A table whose images are files in the folder, which wandb takes as they are."""
        folder.mkdir()
        table = self._wandb.Table(columns=list(COLUMNS))
        for number, sample in enumerate(samples):
            cells = {name: getattr(sample, name) for name in COLUMNS}
            if sample.image is not None:
                path = folder / f"{number}.jpg"
                path.write_bytes(sample.image)
                cells["image"] = self._wandb.Image(str(path))
            table.add_data(*cells.values())
        return table
