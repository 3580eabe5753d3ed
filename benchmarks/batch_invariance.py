"""Whether batching changes answers: each task answered one by one and in batches, in each floating-point type.

In float32 no answer may differ. In half precision the order of additions changes the last bits and sometimes breaks a
tie differently: the script counts the answers that differ and the change of each score.

    python benchmarks/batch_invariance.py [--model emma-mini] [--tasks mini] [--dtypes float32,bfloat16] [--limit N]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.recording import RESULTS, facts, percent, print_table, write
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models import load_model
from emma_eval.models.base import Model, ModelSpec
from emma_eval.runs.plan import TaskPlan, plan_task, with_requests
from emma_eval.runs.settings import RunSettings, model_name
from emma_eval.scorers import get_scorer
from emma_eval.tasks.index import expand_tasks
from emma_eval.types import Answer, Key, Response

DTYPES = "float32,bfloat16,float16"
MAX_DIFFERENT = {"float32": 0.0, "bfloat16": 0.003, "float16": 0.003}  # of all answers; half precision: on a GPU


@dataclass(frozen=True, slots=True)
class Difference:
    """How many answers of one task batching changes, and its effect on the score."""

    dtype: str
    task: str
    requests: int
    different: int  # answers whose text differs
    metric: str
    alone: float | None  # the score at batch size 1; None if the references are not public
    batched: float | None

    @property
    def share(self) -> float:
        """Share of the answers that differ."""
        return self.different / self.requests

    @property
    def change(self) -> float | None:
        """Change of the score, in its unit."""
        return None if self.alone is None or self.batched is None else self.batched - self.alone


def differences(model: Model, settings: RunSettings, dtype: str) -> Iterator[Difference]:
    """The differences of each task, with all tasks in one queue, as in a run."""
    plans = [with_requests(plan_task(name, settings), model.template) for name in settings.tasks]
    alone, batched = answers(model, plans, 1), answers(model, plans, "auto")
    for plan, one_by_one, together in zip(plans, alone, batched, strict=True):
        yield Difference(
            dtype=dtype,
            task=plan.task.name,
            requests=len(plan.requests),
            different=sum(one_by_one[key].text != together[key].text for key in one_by_one),
            metric=plan.task.metric,
            alone=score(plan, one_by_one),
            batched=score(plan, together),
        )


def answers(model: Model, plans: Sequence[TaskPlan], batch_size: int | Literal["auto"]) -> list[dict[Key, Response]]:
    """The responses to each plan's requests."""
    queue = [(plan_index, request) for plan_index, plan in enumerate(plans) for request in plan.requests]
    by_plan: list[dict[Key, Response]] = [{} for _ in plans]
    for index, response in run_requests(BatchedEngine(model, batch_size), [request for _, request in queue]):
        by_plan[queue[index][0]][response.key] = response
    return by_plan


def score(plan: TaskPlan, responses: Mapping[Key, Response]) -> float | None:
    """The task's primary metric; None if the references are not public."""
    if not all(sample.references for sample in plan.samples):
        return None
    config = plan.task.scorer_config(plan.protocol)
    answers = {key: Answer(one.text, one.prompt) for key, one in responses.items() if one.text is not None}
    metrics = get_scorer(config.scorer, **config.options)(plan.samples, answers).metrics
    overall = (metric for metric in metrics if not metric.group and not metric.category)
    return next((metric.value for metric in overall if metric.name == plan.task.metric), None)


def show(results: Sequence[Difference]) -> None:
    """Print the table, with a total for each floating-point type."""
    header = ["", "dtype", "requests", "different", "share", "metric", "batch size 1", "batched", "change"]
    rows = []
    for dtype in dict.fromkeys(one.dtype for one in results):
        of_dtype = [one for one in results if one.dtype == dtype]
        for one in of_dtype:
            numbers = (None if value is None else f"{value:.4f}" for value in (one.alone, one.batched, one.change))
            rows.append([one.task, dtype, one.requests, one.different, percent(one.share), one.metric, *numbers])
        requests, different = (sum(getattr(one, name) for one in of_dtype) for name in ("requests", "different"))
        rows.append(["all", dtype, requests, different, f"{different / requests:.2%}", *[None] * 4])
    print_table("answers in batches against answers one by one", header, rows)


def within_bars(results: Sequence[Difference], device: str) -> bool:
    """Whether float32 is exact and, on a GPU, half precision nearly so."""
    for dtype in dict.fromkeys(one.dtype for one in results):
        if dtype == "float32" or device.startswith("cuda"):
            of_dtype = [one for one in results if one.dtype == dtype]
            different, requests = sum(one.different for one in of_dtype), sum(one.requests for one in of_dtype)
            if different > MAX_DIFFERENT[dtype] * requests:
                return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer, compare, print and write; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", default="emma-mini", help="built-in name, checkpoint folder or hub name (%(default)s)")
    add("--tasks", default="mini", metavar="T,...", help="tasks and groups (%(default)s)")
    add("--data", type=Path, metavar="ROOT", help="the folder that holds the official benchmark files")
    add("--dtypes", default=DTYPES, metavar="D,...", help="%(default)s")
    add("--device", help="cpu, cuda, ... (a GPU if there is one)")
    add("--limit", type=int, metavar="N", help="only the first N samples of each task")
    add("--output", type=Path, help="the JSON file (results/benchmarks/batch-invariance-MODEL.json)")
    args = parser.parse_args(arguments)
    settings = RunSettings(
        model=ModelSpec(args.model, device=args.device),
        tasks=tuple(expand_tasks(args.tasks.split(","))),
        suite=args.tasks,
        data=args.data,
        limit=args.limit,
    )
    results: list[Difference] = []
    for dtype in args.dtypes.split(","):
        model = load_model(args.model, device=args.device, dtype=dtype)
        device = str(model.device)
        results += differences(model, settings, dtype)
        del model  # or two are in memory at once
    show(results)
    rows = [asdict(one) | {"share": one.share, "change": one.change} for one in results]
    record = {"benchmark": "batch_invariance"} | facts(device) | {"model": model_name(args.model), "tasks": rows}
    write(record, args.output or RESULTS / f"batch-invariance-{model_name(args.model)}.json")
    return int(not within_bars(results, device))


if __name__ == "__main__":
    sys.exit(main())
