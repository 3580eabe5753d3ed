"""`Run`: a run folder in Python. Everything is read when it is asked for, so it follows a run that goes on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emma_eval.api import frames
from emma_eval.api.places import Folders, PathText, Places, as_paths
from emma_eval.api.sample_rows import RunRecords, TaskRows, run_rows
from emma_eval.errors import EmmaEvalWarning, UserError
from emma_eval.results.judged import answered_run, judged_folders
from emma_eval.results.manifest import Manifest
from emma_eval.results.responses import log_path, read_responses
from emma_eval.results.run_state import RunState, run_state
from emma_eval.results.scores import SCORES_FILE, TaskScores, read_scores, run_folder
from emma_eval.utils.text import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from emma_eval.api.comparison import Comparison
    from emma_eval.api.leaderboard import LeaderboardTables
    from emma_eval.loggers.base import Target
    from emma_eval.loggers.log_run import LogOutcome

Tasks = str | Sequence[str] | None


class Run:
    """A run folder, finished or not: its scores, samples and manifest, and what can be made of them.

    Made by `evaluate` and `load_run`. Frames are made anew at each access, so that they may be changed.
    """

    def __init__(self, path: Path, places: Places) -> None:
        self.path = path
        self._places = places

    @property
    def _records(self) -> RunRecords:
        return RunRecords.read(self.path)

    @property
    def manifest(self) -> Manifest:
        """What is needed to repeat the run: model, settings, tasks, sessions. Raises UserError if it can't be read."""
        return self._records.manifest

    @property
    def name(self) -> str:
        """What tables call the run."""
        manifest = self.manifest
        return manifest.name or manifest.model.name

    @property
    def status(self) -> RunState:
        """How its last session ended: finished, interrupted, stopped, killed; or running."""
        return run_state(answered_run(self.path), self.manifest)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of its tasks."""
        return self._records.tasks

    @property
    def is_scored(self) -> bool:
        """Whether it has scores: not before it is finished, nor in a shard."""
        return (self.path / SCORES_FILE).exists()

    @property
    def judged(self) -> dict[str, Run]:
        """The scores that judge models gave its answers, as runs: folder's name below `judged/` -> Run."""
        return {folder.name: Run(folder, self._places) for folder in judged_folders(self.path, SCORES_FILE)}

    @property
    def task_scores(self) -> list[TaskScores]:
        """All that `scores.json` says of each task, and those of judges. Raises UserError for a run without scores."""
        own = read_scores(self.path)
        return [*own.tasks, *(task for run in self.judged.values() for task in read_scores(run.path).tasks)]

    @property
    def scores(self) -> pd.DataFrame:
        """A row a metric, each task's primary one first: task, metric, value, low, high, samples, failed, ...

        `low` and `high` are the 95% interval, in the unit of `value`; docs/python.md lists the columns. Scores by judge
        models follow, told apart by `protocol`. Raises UserError for a run without scores.
        """
        return frames.scores_frame(self.task_scores)

    def score(self, task: str, metric: str | None = None) -> float:
        """The value of an overall metric of a task, the primary one by default.

        Of a task that only judges score it is the judge's; of several judges take `run.judged[...]`. Raises UserError
        if there is no such value, or more than one.
        """
        every = self.task_scores
        named = [one for one in every if one.name == task]
        if not named:
            raise UserError(f"{self.path} has no task {task!r}{did_you_mean(task, [one.name for one in every])}")
        scored = [one for one in named if one.metrics]
        if not scored:
            raise UserError(f"task {task} has no score here: {'; '.join(named[0].notes)}")
        if named[0].metrics:
            scored = scored[:1]
        if len(scored) > 1:
            raise UserError(
                f"task {task} is scored by several judges: take one of run.judged, {', '.join(self.judged)}"
            )
        wanted = metric or scored[0].metric
        found = scored[0].find(wanted)
        if found is None:
            names = [one.name for one in scored[0].metrics if not one.group]
            raise UserError(f"task {task} has no metric {wanted!r}{did_you_mean(wanted, names)}")
        return found.value

    @property
    def failed(self) -> int:
        """Samples of all tasks without an answer, failed or missing. Raises UserError for a run without scores."""
        return sum(task.counts.without_answer for task in read_scores(self.path).tasks)

    @property
    def samples(self) -> pd.DataFrame:
        """A row a sample of all tasks; columns and warnings are those of `samples_of`."""
        return self._samples(None)

    def samples_of(self, tasks: Tasks = None) -> pd.DataFrame:
        """A row a sample: question, references, answer, parsed answer, score, category, images, status, ...

        The columns are those of `SampleRow`. Question, references, options, category and images are read from the
        task's data; a warning says where they are not found. Of a run that is not scored, `score` is empty.
        Raises UserError for a task that the run does not have.
        """
        return self._samples(tasks)

    def _samples(self, tasks: Tasks) -> pd.DataFrame:
        every = self.rows(tasks)
        for problem in (problem for one in every for problem in one.problems):
            warnings.warn(problem, EmmaEvalWarning, stacklevel=3)  # where the frame was asked for
        return frames.samples_frame(row for one in every for row in one.rows)

    def rows(self, tasks: Tasks = None) -> list[TaskRows]:
        """The rows of `samples_of`, task by task, with what is amiss with them. Raises UserError as that does."""
        with self._places.known():
            records = self._records
            return list(run_rows(records, self._named(tasks), self._places.data, self._places.files))

    @property
    def responses(self) -> pd.DataFrame:
        """A row a request of all tasks: what the model read and said, with a row for each pass of a circular task."""
        return self.responses_of()

    def responses_of(self, tasks: Tasks = None) -> pd.DataFrame:
        """As `responses`, of some tasks. The last response to each request counts.

        Raises UserError for a task that the run does not have.
        """
        last = {
            (task, *response.key): (task, response)
            for task in self._named(tasks)
            for response in read_responses(log_path(answered_run(self.path), task))
        }
        return frames.responses_frame(last.values())

    def compare(
        self,
        other: Run | PathText,
        tasks: Tasks = None,
        *,
        intersect: bool = False,
        noise: PathText | None = None,
    ) -> Comparison:
        """Whether the other run, or baseline file, is better than this one: paired tests on the same samples.

        `noise` is a file of the command `noise`. Raises UserError if they share no task, or if samples, splits or
        protocols differ without `intersect`.
        """
        from emma_eval.api.comparison import compare

        names = [] if tasks is None else [tasks] if isinstance(tasks, str) else list(tasks)
        second = other.path if isinstance(other, Run) else Path(other)
        return compare(self.path, second, names, intersect=intersect, noise=None if noise is None else Path(noise))

    def report(
        self,
        output: PathText,
        others: Sequence[Run | PathText] = (),
        *,
        samples: int | Literal["all", "none"] = 1000,
    ) -> Path:
        """Write the page about this run, and others compared with it, into a folder; returns its path.

        `samples` is the number shown of each task. Raises UserError for a run that is not finished.
        """
        from emma_eval.reports.html.report import write_report

        if samples not in ("all", "none") and not (isinstance(samples, int) and samples > 0):
            raise UserError(f"samples={samples!r}: a whole number above 0, 'all' or 'none' is expected")
        with self._places.known():
            folders = [self.path, *(one.path if isinstance(one, Run) else Path(one) for one in others)]
            return write_report(folders, Path(output), data=self._places.data, limit=samples)

    def leaderboard(
        self, others: Sequence[Run | PathText] = (), *, output: PathText | None = None
    ) -> LeaderboardTables:
        """The run, and others, beside published scores; with `output` the three files are written into that folder.

        Raises UserError for a run without scores.
        """
        from emma_eval.api.leaderboard import leaderboard

        paths = [self.path, *(one.path if isinstance(one, Run) else Path(one) for one in others)]
        return leaderboard(paths, None if output is None else Path(output))

    def log(self, *targets: str, samples: int = 100) -> list[LogOutcome]:
        """Log the run to `wandb:PROJECT`, `tensorboard:DIR` or `mlflow:EXPERIMENT`; see docs/logs.md.

        `samples` of each task are in the tables. What fails at a target is a warning, and in its outcome. Raises
        UserError for a target that is not ready, and for a run without scores.
        """
        from emma_eval.loggers.base import open_targets

        return self.log_to(open_targets(targets, "log"), samples)

    def log_to(self, targets: Sequence[Target], samples: int) -> list[LogOutcome]:
        """As `log`, to targets that are open. Raises UserError for a run without scores."""
        from emma_eval.loggers.log_run import log_run
        from emma_eval.loggers.samples import SampleSource

        with self._places.known():
            outcomes = list(log_run(self.path, targets, SampleSource(self._places.data, self._places.files, samples)))
        for one in outcomes:
            if one.problem:
                warnings.warn(f"not logged to {one.target}: {one.problem}", EmmaEvalWarning, stacklevel=3)
        return outcomes

    def export(self, output: PathText, format: Literal["csv", "parquet", "jsonl"] | None = None) -> list[Path]:  # noqa: A002 (as the option)
        """Write the samples to a file, or a file a task to a folder; returns the paths. See the command `export`.

        Without `format` it is the one that the file's name ends with. Raises UserError for a name that ends otherwise.
        """
        from emma_eval.api.export import export_samples, format_of

        written, problems = export_samples(self.rows(), Path(output), format or format_of(Path(output)))
        for problem in problems:
            warnings.warn(problem, EmmaEvalWarning, stacklevel=2)
        return written

    def _named(self, tasks: Tasks) -> tuple[str, ...]:
        """The tasks asked for, all by default. Raises UserError for one that the run does not have."""
        known = self.tasks
        names = known if tasks is None else (tasks,) if isinstance(tasks, str) else tuple(tasks)
        for name in names:
            if name not in known:
                raise UserError(f"{self.path} has no task {name!r}{did_you_mean(name, known)}")
        return tuple(dict.fromkeys(names))

    def __repr__(self) -> str:
        from emma_eval.api.views import run_text

        return run_text(str(self.path), self.manifest, self.status, self._shown())

    def _repr_html_(self) -> str:
        from emma_eval.api.views import run_html

        return run_html(str(self.path), self.manifest, self.status, self._shown())

    def _shown(self) -> list[TaskScores]:
        return self.task_scores if self.is_scored else []


def load_run(
    path: PathText,
    *,
    data: PathText | None = None,
    task_dir: Folders = (),
    include_path: Folders = (),
) -> Run:
    """The run in a folder, whatever made it: the command line, `evaluate`, `merge`; finished, interrupted or a shard.

    `data` is the root of the benchmarks' files, for questions, references and images, which run folders do not hold;
    `task_dir` and `include_path` are folders with tasks of the user's own. Raises UserError if it is no run folder.
    """
    places = Places(None if data is None else Path(data), {}, as_paths(task_dir), as_paths(include_path))
    run = Run(run_folder(Path(path)), places)
    _ = run.manifest
    with places.known():  # raises for a folder that is none
        return run
