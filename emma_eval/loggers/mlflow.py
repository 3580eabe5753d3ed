"""MLflow: `--log mlflow:EXPERIMENT`, at MLFLOW_TRACKING_URI or where MLflow writes by default."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import astuple
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from emma_eval.errors import UserError, without_secrets
from emma_eval.loggers.base import import_package
from emma_eval.loggers.content import SCORE_COLUMNS, LoggedRun
from emma_eval.loggers.samples import COLUMNS, LoggedSample
from emma_eval.utils.text import error_message, replace_surrogates

KEY_TAG = "emma_eval.key"  # the run folder's key, by which the run is found again
TABLES_TAG = "mlflow.loggedArtifacts"  # which files the pages show as tables
TASK_PARAMS = ("protocol", "samples", "release", "wording")  # the other facts are in manifest.json
MAX_PARAMS, MAX_METRICS = 100, 1000  # of one request
MAX_VALUE = 500  # characters of a parameter that every store takes
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


class MlflowLogger:
    """Logs to an experiment of the tracking server or local store."""

    def __init__(self, name: str) -> None:
        self._mlflow = import_package("mlflow")
        self._experiment = name
        os.environ.setdefault(RETRIES, "2")  # of seven, the default, a server that is down takes four minutes
        try:
            with _quiet():
                self._client = self._mlflow.MlflowClient()
                if not self._is_server:
                    self._client.search_experiments(max_results=1)
        except Exception as error:  # a store that this machine lacks the packages or the permission for
            where = os.environ.get("MLFLOW_TRACKING_URI", "")
            at = f"MLFLOW_TRACKING_URI {without_secrets(where)}" if where else "its default store"
            raise UserError(f"MLflow cannot use {at}: {error_message(error)}") from error

    @property
    def _is_server(self) -> bool:
        return not str(self._client.tracking_uri).startswith(("sqlite:", "file:", "/", "."))

    @property
    def place(self) -> str:
        """The tracking URI."""
        return without_secrets(str(self._client.tracking_uri))

    def log(self, run: LoggedRun) -> str:
        """Parameters, numbers as metrics, the run's files, tables with images; a later session logs to the same run."""
        with _quiet():
            experiment = self._experiment_id()
            known = self._client.search_runs([experiment], f"tags.`{KEY_TAG}` = '{run.key}'", max_results=1)
            one = known[0] if known else self._client.create_run(experiment, tags={KEY_TAG: run.key}, run_name=run.name)
            run_id = one.info.run_id
            self._client.update_run(run_id, "RUNNING", run.name)
            try:
                self._log_params(run_id, one.data.params, run.config)
                self._log_metrics(run_id, run.numbers, run.step)
                self._log_files(run_id, run)
            except BaseException:
                self._client.set_terminated(run_id, "FAILED")
                raise
            self._client.set_terminated(run_id, "FINISHED")
        if self.place.startswith(("http:", "https:")):
            return f"{self.place.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}"
        return f"mlflow ui --backend-store-uri {self.place}   (run {run_id})"

    def _experiment_id(self) -> str:
        """The experiment of the name, made if there is none. Raises UserError for a deleted one."""
        experiment = self._client.get_experiment_by_name(self._experiment)
        if experiment is None:
            return str(self._client.create_experiment(self._experiment))
        if experiment.lifecycle_stage != "active":
            raise UserError(
                f"the experiment {self._experiment!r} is deleted; "
                f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`, or another name"
            )
        return str(experiment.experiment_id)

    def _log_params(self, run_id: str, recorded: Mapping[str, str], config: Mapping[str, Any]) -> None:
        """Log what decides the answers as parameters, which MLflow never changes, and the session's facts as tags."""
        tasks = {
            name: {key: facts[key] for key in TASK_PARAMS if facts[key] not in ("", None)}
            for name, facts in config["tasks"].items()
        }
        params = flat({"model": config["model"], "settings": config["settings"], "tasks": tasks})
        params = {key: value for key, value in safe_keys(params).items() if key not in recorded}
        tags = safe_keys(flat({"session": config["session"]}))
        entities = self._mlflow.entities
        for some in _batches(params, MAX_PARAMS):
            self._client.log_batch(run_id, params=[entities.Param(key, value) for key, value in some])
        for some in _batches(tags, MAX_PARAMS):
            self._client.log_batch(run_id, tags=[entities.RunTag(key, value) for key, value in some])

    def _log_metrics(self, run_id: str, numbers: Mapping[str, float], step: int) -> None:
        now, metric = int(time.time() * 1000), self._mlflow.entities.Metric
        for some in _batches(safe_keys(numbers), MAX_METRICS):
            self._client.log_batch(run_id, metrics=[metric(key, float(value), now, step) for key, value in some])

    def _log_files(self, run_id: str, run: LoggedRun) -> None:
        """Upload the run's files and the tables; what an earlier session uploaded is replaced."""
        tables = ["scores_table.json"]
        for path in run.files:
            self._client.log_artifact(run_id, str(path))
        with TemporaryDirectory() as folder:
            _write_table(Path(folder, tables[0]), SCORE_COLUMNS, [list(astuple(row)) for row in run.scores])
            self._client.log_artifacts(run_id, folder)
        logged: dict[str, None] = {}
        for task, samples in run.samples():
            logged[task] = None
            name = list(safe_keys(logged, r"[^\w\-.]"))[-1]  # of files
            with TemporaryDirectory() as folder:
                tables.append(_write_samples(Path(folder), name, samples))
                self._client.log_artifacts(run_id, folder)
        shown = [{"path": table, "type": "table"} for table in tables]
        self._client.set_tag(run_id, TABLES_TAG, json.dumps(shown))


def _write_samples(root: Path, name: str, samples: Sequence[LoggedSample]) -> str:
    """Write a table and its images below the root and return the table's path, as MLflow's own tables are kept."""
    rows = []
    for number, sample in enumerate(samples):
        cells = {name: getattr(sample, name) for name in COLUMNS}
        if sample.image is not None:
            path = f"images/{name}/{number}.jpg"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(sample.image)
            cells["image"] = {"type": "image", "filepath": path, "compressed_filepath": path}
        rows.append(list(cells.values()))
    table = f"samples/{name}.json"
    (root / table).parent.mkdir()
    _write_table(root / table, COLUMNS, rows)
    return table


def _write_table(path: Path, columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write JSON as pandas' orientation `split` has it."""
    path.write_text(json.dumps({"columns": list(columns), "data": list(rows)}, ensure_ascii=False), encoding="utf-8")


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as `a.b.c` -> text; what is None is left out, long texts are cut."""
    found: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        elif value is not None:
            found[f"{prefix}{key}"] = replace_surrogates(str(value))[:MAX_VALUE]
    return found


def safe_keys(values: Mapping[str, Any], forbidden: str = r"[^\w\-. :/]") -> dict[str, Any]:
    """The values under keys that MLflow takes; one that would meet another gets a number."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        safe = re.sub(forbidden, "_", key)[:240]
        number = 1
        while (name := safe if number == 1 else f"{safe} {number}") in found:
            number += 1
        found[name] = value
    return found


def _batches(values: Mapping[str, Any], size: int) -> Iterator[list[tuple[str, Any]]]:
    items = list(values.items())
    return (items[start : start + size] for start in range(0, len(items), size))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without MLflow's own lines: how it makes its tables, the run's address on standard output."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
