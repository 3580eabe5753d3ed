"""`score`: official scores of answers that any program made. The command `score` is this, with a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.api.answers import GivenAnswers, given_answers
from emma_eval.api.places import Folders, PathText, Places, as_paths
from emma_eval.api.task import require_limit
from emma_eval.data.loading import read_samples
from emma_eval.data.location import locate_data
from emma_eval.errors import UserError
from emma_eval.predictions.formats import read_answer_rows
from emma_eval.predictions.reading import join_answers, missing_answers
from emma_eval.prompts.question_notes import find_release, question_notes
from emma_eval.reports.score_report import InputFile, ScoreReport
from emma_eval.results.scores import Counts, MetricRecord
from emma_eval.scorers import get_scorer
from emma_eval.tasks.loading import load_task
from emma_eval.types import Key, Sample, SampleStatus, Scores
from emma_eval.utils.terminal import terminal_width

if TYPE_CHECKING:
    import pandas as pd

IN_MEMORY = Path("predictions")  # what messages call answers that are in no file


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """The options of the command `score`."""

    data: Path | None = None
    file: Mapping[str, Path] | None = None  # file key -> path
    protocol: str | None = None
    answer_key: str | None = None
    limit: int | None = None
    allow_partial: bool = False


def score_answers(task_name: str, predictions: Any, options: ScoreOptions, *, hashes: bool = True) -> ScoreReport:
    """The scores of a file's answers, or of those in memory. Raises UserError for anything missing or unreadable.

    Without `hashes` the report names the files alone.
    """
    task = load_task(task_name)
    config = task.scorer_config(options.protocol)
    scorer = get_scorer(config.scorer, **config.options)
    location = locate_data(task, options.data, options.file)
    partial = options.allow_partial or options.limit is not None
    all_samples = read_samples(location, allow_partial=partial)  # rows find their sample among all of them
    samples = all_samples[: options.limit]
    is_file = isinstance(predictions, Path)
    path: Path = predictions if is_file else IN_MEMORY
    if is_file:
        given = GivenAnswers(read_answer_rows(path))
    else:
        given = given_answers(predictions, all_samples, options.limit, task, partial=options.allow_partial)
    answers = join_answers(
        path,
        given.rows,
        all_samples,
        task,
        protocol=options.protocol,
        answer_key=options.answer_key,
        ignore_foreign=options.allow_partial,
        keys=given.keys,
    )
    missing = list(missing_answers(samples, task, answers))
    if missing and not options.allow_partial:
        raise _missing_answers_error(path, missing, samples)
    scores = _with_statuses(scorer(samples, answers.answers), answers.failed, missing)
    return ScoreReport(
        task=task.name,
        benchmark=task.benchmark,
        split=task.split,
        metric=task.primary_metric(options.protocol),
        protocol=options.protocol or task.protocol,
        release=find_release(task, samples),
        scorer=config.scorer,
        options=config.options,
        complete=not partial,
        predictions=InputFile.of(path) if hashes and is_file else InputFile(name=path.name, sha256=None),
        data={key: InputFile.of(path) for key, path in location.files.items()} if hashes else {},
        counts=Counts.of(scores.samples),
        metrics=MetricRecord.all_of(scores),
        notes=(*answers.notes, *question_notes(task, samples, complete=not partial), *scores.notes),
        samples=scores.samples,
    )


def _with_statuses(scores: Scores, failed: Collection[Key], missing: Collection[Key]) -> Scores:
    """The scores with each sample's status: failed or missing as soon as one of its passes is."""
    statuses: dict[str, SampleStatus] = {sample_id: "missing" for sample_id, _ in missing}
    statuses |= {sample_id: "failed" for sample_id, _ in failed}
    samples = tuple(replace(sample, status=statuses.get(sample.id, "answered")) for sample in scores.samples)
    return replace(scores, samples=samples)


def _missing_answers_error(path: Path, missing: Sequence[Key], samples: Sequence[Sample]) -> UserError:
    """The error for answers to some questions, or to passes of circular ones, that are not there."""
    questions = len({sample_id for sample_id, _ in missing})
    first, pass_index = missing[0]
    which = f"{first}, pass {pass_index}" if pass_index else first
    passes = f" ({len(missing):,} passes)" if len(missing) > questions else ""
    return UserError(
        f"{path}: {questions:,} of {len(samples):,} questions have no answer{passes}, the first is {which}; "
        "complete the file, or pass --allow-partial to count them as wrong"
    )


@dataclass(frozen=True, repr=False)
class ScoredAnswers:
    """The scores of answers made elsewhere."""

    report: ScoreReport  # as `score --json` writes it

    @property
    def value(self) -> float:
        """The primary metric's value."""
        return next(one.value for one in self.report.metrics if one.name == self.report.metric and not one.group)

    @property
    def scores(self) -> pd.DataFrame:
        """A row a metric: metric, group, category, value, low, high, unit, n, primary, no_interval."""
        from emma_eval.api.frames import frame, metric_row

        rows = (metric_row(one, self.report.metric) for one in self.report.metrics)
        columns = ("metric", "group", "category", "value", "low", "high", "unit", "n", "primary", "no_interval")
        return frame(rows, columns)

    @property
    def samples(self) -> pd.DataFrame:
        """A row a sample: id, score, parsed_answer, status, cluster."""
        from emma_eval.api.frames import frame

        return frame(map(asdict, self.report.samples), ("id", "score", "parsed_answer", "status", "cluster"))

    def __repr__(self) -> str:
        from emma_eval.reports.score_lines import score_lines

        return "\n".join(score_lines(self.report, terminal_width(), everything=False))


def score(  # noqa: PLR0913 (named choices, each of its own)
    task: str,
    predictions: Any,
    *,
    data: PathText | None = None,
    file: Mapping[str, PathText] | None = None,
    protocol: str | None = None,
    answer_key: str | None = None,
    limit: int | None = None,
    allow_partial: bool = False,
    task_dir: Folders = (),
    include_path: Folders = (),
    offline: bool = False,
) -> ScoredAnswers:
    """The official scores of answers that any program made.

    `predictions` is a file's path, a mapping of sample ids (or of ids with their pass index) to texts, a DataFrame or a
    list of rows with the keys that files may have (docs/predictions.md), or a list of one text for each sample, in
    their order. None is a failed sample. `data` is the root of the benchmarks' files, `file` maps the task's file keys
    to paths. `protocol` is one of the task's, `answer_key` the key of a row that holds the answer; `limit` scores the
    first so many samples. `task_dir` and `include_path` are folders of further tasks; with `offline` nothing is
    downloaded. Raises UserError for answers that do not fit the task's samples, and, without `allow_partial`, for
    missing ones.
    """
    limit = require_limit(limit)
    if isinstance(predictions, str | PathLike):
        predictions = Path(predictions)
    files = {key: Path(path) for key, path in (file or {}).items()}
    root = None if data is None else Path(data)
    options = ScoreOptions(root, files, protocol, answer_key, limit, allow_partial)
    with Places(root, {task: files}, as_paths(task_dir), as_paths(include_path), offline).known():
        return ScoredAnswers(score_answers(task, predictions, options))
