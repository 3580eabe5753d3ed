"""Scores of judge models: a column for each judge, and published values beside those of the judge that they name."""

from __future__ import annotations

import pytest

from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.published import Published, load_published
from emma_eval.reports.view import View
from emma_eval.results.judged import JudgeRecord
from emma_eval.results.scores import Counts, ScoredRun
from tests.fakes import evaluation_setup, metric, scored_run, task_scores


@pytest.fixture(scope="module")
def published() -> Published:
    return load_published()


def judged_run(served: tuple[str, ...], name: str = "gpt-4", fingerprint: str = "ab" * 32, **model: str) -> ScoredRun:
    """LLaVA-Bench judged whole."""
    judge = JudgeRecord(
        name=name, served_as=served, host="h", prompt="p", fingerprint=fingerprint, answers="a", verdicts=60,
        unparsed=0, prompt_tokens=1, new_tokens=1,
    )  # fmt: skip
    task = task_scores(
        "llava_bench",
        "test",
        metric("score", 65.0, "points"),
        title="LLaVA-Bench (in the wild)",
        benchmark="llava_bench",
        protocol=judge.label,
        metric="score",
        judge=judge,
        counts=Counts(samples=60, answered=60, failed=0, missing=0),
        setup=evaluation_setup("llava_bench", "judged"),
    )
    return scored_run(task, **model)


def heads(*runs: ScoredRun, published: Published, strict: bool = True) -> dict[tuple[str, ...], list[str]]:
    """Head of each column with a measured value -> the texts in it, published ones first."""
    tables = Leaderboard(list(runs), published).tables(View(strict=strict), measured_only=True)
    return {
        heading.lines: [text for row in table.rows if (text := row.cells[column].text)]
        for table in tables
        for column, heading in enumerate(table.headings)
    }


NAMED = ("LLaVA-Bench-in-the-Wild", "test", "relative score, GPT-4-0314 judge")


def test_a_published_value_stands_beside_scores_of_the_judge_that_it_names(published: Published) -> None:
    found = heads(judged_run(("gpt-4-0314",)), published=published)
    assert found == {NAMED: ["63.4", "70.7", "65.0"]}


@pytest.mark.parametrize("served", [("gpt-4-0613",), (), ("gpt-4-0314", "gpt-4-0613")])
def test_scores_of_another_judge_stand_apart(served: tuple[str, ...], published: Published) -> None:
    (head, texts), *others = heads(judged_run(served), published=published).items()
    assert not others
    assert head[2].startswith("score, judged by gpt-4")
    assert texts == ["65.0"]


def test_each_judge_has_a_column_and_each_prompt_of_it(published: Published) -> None:
    runs = [
        judged_run(("gpt-4-0314",)),
        judged_run(("gpt-4-0613",)),
        judged_run(("gpt-4-0613",), fingerprint="cd" * 32),
        judged_run(("qwen",), name="qwen"),
    ]
    assert list(heads(*runs, published=published).values()) == [["63.4", "70.7", "65.0"], ["65.0"], ["65.0"], ["65.0"]]


def test_a_value_of_a_judge_does_not_put_that_of_rules_in_doubt(published: Published) -> None:
    """Both may stand in published columns, though they were scored differently."""
    rules = scored_run(task_scores("gqa", "testdev-balanced", metric("accuracy", 60.0), benchmark="gqa"))
    found = heads(judged_run(("gpt-4-0314",)), rules, published=published)
    assert list(found) == [("GQA", "testdev-balanced", "accuracy"), NAMED]


def test_a_benchmark_that_the_paper_lacks_is_chosen_by_its_task(published: Published) -> None:
    view = View(strict=True, tasks=("llava_bench",))
    tables = Leaderboard([judged_run(("gpt-4-0314",))], published).tables(view, measured_only=True)
    assert [heading.lines for table in tables for heading in table.headings] == [NAMED]


def test_a_judges_score_stands_in_no_column_of_the_papers_table(published: Published) -> None:
    (head,) = heads(judged_run(("gpt-4-0314",)), published=published, strict=False)
    assert head[2].startswith("score, judged by gpt-4 as gpt-4-0314 (")
