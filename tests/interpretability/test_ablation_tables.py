"""The sentence of an ablation: what differs, the largest loss first whatever a metric's unit."""

from __future__ import annotations

from emma_eval.interpretability.ablation import Ablation, TaskAblation, VariantScore
from emma_eval.interpretability.ablation_tables import ablation_markdown, ablation_sentence


def score(variant: str, difference: float, p: float) -> VariantScore:
    return VariantScore(
        variant=variant,
        value=difference,
        difference=difference,
        interval=(difference, difference),
        p=p,
        p_holm=p,
        test="t",
        won=0,
        lost=1,
        categories=(),
    )


def ablation(*tasks: TaskAblation) -> Ablation:
    return Ablation(model="m", limit=None, variants={}, definitions={}, left_out={}, failed=0, unscored=(), tasks=tasks)


def task(name: str, unit, *variants: VariantScore, higher: bool | None = True) -> TaskAblation:
    return TaskAblation(task=name, metric="a", unit=unit, higher_is_better=higher, samples=9, full=0, variants=variants)


def test_losses_and_gains_with_the_largest_first():
    found = ablation(
        task("vqa", "percent", score("a", -40.0, 0.001), score("b", 3.0, 0.04), score("c", -1.0, 0.05)),
        task("pope", "fraction", score("a", -0.9, 0.001)),
    )
    assert ablation_sentence(found) == (
        "worse than the full model: a on pope (-90.0), a on vqa (-40.0); better than the full model: b on vqa (+3.0); "
        "1 of 4 comparisons show no significant difference (5% level, Holm over the variants of a task)."
    )
    assert "| a | -40.0 | -40.0 [-40.0, -40.0] | 0.001 | 0:1 |  |" in ablation_markdown(found)


def test_a_metric_that_should_be_low():
    found = ablation(task("chair", "percent", score("a", 5.0, 0.001), higher=False))
    assert ablation_sentence(found).startswith("worse than the full model: a on chair (+5.0) (5% level")


def test_without_scores():
    found = ablation().model_copy(update={"unscored": ("mmvet",)})
    assert ablation_sentence(found) == "No task has scores that could be compared."
    assert "answered but not scored here, and so not compared: mmvet" in ablation_markdown(found)
