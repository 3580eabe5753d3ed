"""From responses to a task's scores: failures of single passes, held-back truth, the mini suite's baseline."""

from emma_eval.prompts.building import build_requests
from emma_eval.results.manifest import TaskFacts
from emma_eval.runs.plan import TaskPlan
from emma_eval.runs.scoring import HELD_BACK, score_task
from emma_eval.tasks.loading import load_task
from emma_eval.types import Response, Sample

FACTS = TaskFacts(config="", protocol="official", data={}, reference_digest="", samples=0)


def plan(task_name: str, samples: list[Sample], mini: bool = False) -> TaskPlan:
    task = load_task(task_name).model_copy(update={"suite": "mini" if mini else None})
    return TaskPlan(task, "official", samples, True, FACTS, tuple(build_requests(task, samples)))


def responses(plan: TaskPlan, texts: dict[tuple[str, int], str | None]) -> dict[tuple[str, int], Response]:
    return {
        (r.sample_id, r.pass_index): Response(
            r.sample_id, r.pass_index, r.message, r.instruction, text, 1, 0.0, None if text else "broken"
        )
        for r in plan.requests
        if (text := texts.get((r.sample_id, r.pass_index), "missing")) != "missing"
    }


def yes_no(count: int, **changes: object) -> list[Sample]:
    truth = ("yes", "no")
    return [Sample(str(i), f"Is it {i}?", references=(truth[i % 2],), category="random") for i in range(count)]


def test_answered_failed_and_missing_samples_are_told_apart():
    three = plan("pope", yes_no(3))
    task, scores = score_task(three, responses(three, {("0", 0): "yes", ("1", 0): None}))
    assert [sample.status for sample in scores.samples] == ["answered", "failed", "missing"]
    assert task.counts.model_dump() == {"samples": 3, "answered": 1, "failed": 1, "missing": 1}
    assert task.mean_score == 1 / 3


def test_one_failed_pass_fails_its_sample():
    options = ("red", "blue", "green")
    sample = Sample("7", "Which?", references=("A",), options=options, category="c", meta=PASSES)
    one = plan("mmbench_en", [sample])
    assert len(one.requests) == 3
    task, scores = score_task(one, responses(one, {("7", 0): "A", ("7", 1): None, ("7", 2): "B"}))
    assert scores.samples[0].status == "failed"
    assert [(f.id, f.pass_index, f.reason) for f in task.failed] == [("7", 1, "broken")]
    assert task.mean_score == 0


PASSES = {
    "l2_category": "l2",
    "category": "c",
    "split": "dev",
    "passes": [
        ({"A": "red", "B": "blue", "C": "green"}, "A"),
        ({"A": "blue", "B": "green", "C": "red"}, "C"),
        ({"A": "green", "B": "red", "C": "blue"}, "B"),
    ],
}


def test_held_back_truth_is_said_and_not_scored():
    held = plan("vqav2_testdev", [Sample("1", "What?"), Sample("2", "Who?")])
    task, scores = score_task(held, responses(held, {("1", 0): "cat", ("2", 0): None}))
    assert task.metrics == ()
    assert task.notes == (HELD_BACK,)
    assert [sample.status for sample in scores.samples] == ["answered", "failed"]


def test_a_mini_task_is_set_against_its_best_constant_answer():
    six = plan("pope", yes_no(6), mini=True)
    task, _ = score_task(six, responses(six, {(s.id, 0): s.references[0] for s in six.samples}))
    assert task.baseline is not None
    assert (task.baseline.mean_score, task.baseline.better, task.baseline.worse) == (0.5, 3, 0)
    assert task.baseline.p_value == 0.125
