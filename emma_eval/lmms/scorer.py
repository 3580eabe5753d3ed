"""Scores of a task of lmms-eval by its own functions: filters, `process_results`, aggregations, `higher_is_better`.

Reads of a Sample: `id` (lmms-eval's doc_id), `meta["lmms_task"]`. A document without an answer is scored as one with an
empty answer, which lmms-eval has no other word for.
"""

from __future__ import annotations

import argparse
import inspect
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from emma_eval.errors import UserError
from emma_eval.lmms.definition import LmmsTask
from emma_eval.lmms.installed import lmms_module, lmms_version, require_lmms
from emma_eval.registry import needs
from emma_eval.scorers.common import require_references
from emma_eval.types import Answers, Metric, Ratio, Sample, SampleScore, Scores
from emma_eval.utils.text import error_message

NO_FILTER = "none"  # lmms-eval's name for taking the first response as it is
Values = Mapping[tuple[str, str], Sequence[Any]]  # (metric, filter) -> what each document adds


@needs(require_lmms)
def lmms(samples: Sequence[Sample], answers: Answers, *, definition: str = "") -> Scores:
    """The task's own metrics, on its own scale. `definition` is the hash of the task that the samples are of.

    A metric that is the mean of what each document adds has an interval; of others the functions do not tell it.
    Raises UserError where one of the task's functions fails.
    """
    require_references(samples)
    lmms_task: LmmsTask = samples[0].meta["lmms_task"]
    if definition not in ("", lmms_task.definition):
        raise UserError(f"task lmms:{lmms_task.name} has changed since it was loaded")
    texts = [lmms_task.decoding.cut(answers[s.id, 0].text) if (s.id, 0) in answers else "" for s in samples]
    filtered = _filtered(lmms_task, samples, texts)
    printed = StringIO()
    with redirect_stdout(printed):  # many functions print what they compute
        values, numbers = _document_values(lmms_task, samples, filtered)
        found = list(_metrics(lmms_task, values))
    metrics = tuple(metric for metric in found if isinstance(metric, Metric))
    version, about = lmms_version(), f"task version {lmms_task.task.VERSION}, definition {lmms_task.definition[:12]}"
    notes = (f"scored by the functions of lmms-eval {version} ({about})", *(n for n in found if isinstance(n, str)))
    if all(number is None for number in numbers):
        notes += ("its functions give no score of single documents: none is shown as right",)
    shown = next(iter(filtered.values()))
    scored = tuple(
        SampleScore(sample.id, min(max(number or 0.0, 0.0), 1.0), answer if isinstance(answer, str) else str(answer))
        for sample, number, answer in zip(samples, numbers, shown, strict=True)
    )
    return Scores(metrics, scored, notes)


def _filtered(lmms_task: LmmsTask, samples: Sequence[Sample], texts: Sequence[str]) -> dict[str, list[Any]]:
    """Filter name -> its result for each document, by lmms-eval's own filters."""
    instances = lmms_module("lmms_eval.api.instance")
    task = lmms_task.task
    found = [
        instances.Instance(
            request_type="generate_until",
            arguments=(sample.question,),
            idx=0,
            metadata={"task": lmms_task.name, "doc_id": int(sample.id), "repeats": 1},
            resps=[text],
        )
        for sample, text in zip(samples, texts, strict=True)
    ]
    task._instances = found
    try:
        task.apply_filters()
    except Exception as error:  # a task's own functions may raise anything
        raise UserError(f"task lmms:{lmms_task.name}: a filter fails: {error_message(error)}") from error
    return {name: [one.filtered_resps[name] for one in found] for name in found[0].filtered_resps}


def _document_values(
    lmms_task: LmmsTask, samples: Sequence[Sample], filtered: Mapping[str, Sequence[Any]]
) -> tuple[dict[tuple[str, str], list[Any]], list[float | None]]:
    """What each document adds to each (metric, filter), and its own number in the first metric that gives it one."""
    task = lmms_task.task
    wrapped = type(task).process_results
    process = getattr(wrapped, "__wrapped__", wrapped)  # without retries for what fails each time
    with_images = bool(getattr(task.config, "process_results_use_image", False))
    docs = task.eval_docs if with_images else task.eval_docs_no_media
    values: dict[tuple[str, str], list[Any]] = {}
    numbers: list[float | None] = []
    for name, results in filtered.items():
        for metric in task.aggregation():
            values[metric, name] = []
        for sample, result in zip(samples, results, strict=True):
            try:
                given = process(task, docs[int(sample.id)], [result])
            except Exception as error:
                reason = error_message(error)
                raise UserError(
                    f"task lmms:{lmms_task.name}, document {sample.id}: process_results fails: {reason}"
                ) from error
            for metric, value in given.items():
                if (metric, name) in values:
                    values[metric, name].append(value)
            if len(numbers) < len(samples):  # by the first filter
                own = (_number(given[metric], lmms_task) for metric in task.aggregation() if metric in given)
                numbers.append(next((number for number in own if number is not None), None))
    return {key: given for key, given in values.items() if given}, numbers


def _metrics(lmms_task: LmmsTask, values: Values) -> Iterator[Metric | str]:
    """Each metric, or a note on one that is no number."""
    task = lmms_task.task
    with tempfile.TemporaryDirectory() as folder:  # some write a submission, which their task's own tool makes too
        arguments = argparse.Namespace(output_path=folder, model="emma", model_args="", tasks=lmms_task.name)
        for (name, filter_name), items in values.items():
            aggregate = task.aggregation()[name]
            options = {"args": arguments} if "args" in inspect.signature(aggregate).parameters else {}
            try:
                value = aggregate(list(items), **options)
            except Exception as error:
                raise UserError(
                    f"task lmms:{lmms_task.name}: the aggregation of {name} fails: {error_message(error)}"
                ) from error
            label = name if filter_name == NO_FILTER else f"{name},{filter_name}"
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                yield f"{label}: its aggregation gives no number"
                continue
            yield _metric(lmms_task, label, float(value), items, task.higher_is_better().get(name, True))


def _metric(lmms_task: LmmsTask, label: str, value: float, items: Sequence[Any], better: bool | None) -> Metric:
    """The metric, with what each document adds where it is their mean."""
    numbers = [_number(item, lmms_task) for item in items]
    known = [number for number in numbers if number is not None]
    ratios: tuple[Ratio, ...] = ()
    if known and len(known) == len(items) and _is_mean(value, known):
        ratios = (Ratio(known),)
    bounded = all(0 <= number <= 1 for number in known)
    return Metric(
        label,
        value,
        len(items),
        "number",
        higher_is_better=better,
        ratios=ratios,
        value_is_bounded=bounded,
    )


def _is_mean(value: float, numbers: Sequence[float]) -> bool:
    return math.isclose(value, math.fsum(numbers) / len(numbers), rel_tol=1e-12, abs_tol=1e-12)


def _number(item: Any, lmms_task: LmmsTask) -> float | None:
    """What a document adds, where it is a number, or has one under the task's `score_key`."""
    if isinstance(item, Mapping):
        item = item.get(lmms_task.task.config.score_key)
    if hasattr(item, "item"):  # of numpy
        item = item.item()
    return float(item) if isinstance(item, int | float) and math.isfinite(item) else None
