"""References against given answers: which questions are counted, and where other answers go."""

from __future__ import annotations

from dataclasses import replace

from emma_eval.reports.html.confusion import confusion_tables
from emma_eval.reports.html.run_loader import TaskResults
from emma_eval.types import Sample, SampleScore
from tests.fakes import metric, task_scores


def tables(samples: list[Sample], *scores: SampleScore):
    record = TaskResults(
        0, task_scores("t", "test", metric("accuracy", 50.0)), {}, {score.id: score for score in scores}
    )
    return confusion_tables(record, {sample.id: sample for sample in samples})


def counts(table) -> dict[str, list[int]]:
    return {reference: [cell.count for cell in cells] for reference, cells in table.rows}


def test_yes_and_no_are_counted_whatever_their_case_and_other_questions_are_not():
    samples = [
        Sample(str(n), "", references=(reference,)) for n, reference in enumerate(("Yes", "Yes", "No", "No", "red"))
    ]
    (table,) = tables(
        samples,
        SampleScore("0", 1.0, "yes"),
        SampleScore("1", 0.0, "perhaps"),
        SampleScore("2", 0.0, "Yes"),
        SampleScore("3", 0.0, "", "failed"),
        SampleScore("4", 1.0, "red"),
    )
    assert table.kind == "yes or no"
    assert table.columns == ("yes", "no", "other", "no answer")
    assert counts(table) == {"yes": [1, 0, 1, 0], "no": [1, 0, 0, 1]}
    assert [cell.right for cell in table.rows[1][1]] == [False, True, False, False]
    assert [cell.shade for cell in table.rows[0][1]] == [3, 0, 3, 0]  # halves of six shades


def test_the_most_frequent_of_several_true_answers_counts():
    samples = [Sample("0", "", references=("no", "yes", "no")), Sample("1", "", references=("yes",))]
    (table,) = tables(samples, SampleScore("0", 1.0, "no"), SampleScore("1", 1.0, "yes"))
    assert counts(table) == {"yes": [1, 0, 0, 0], "no": [0, 1, 0, 0]}


def test_letters_are_counted_and_of_circular_passes_the_first():
    options = ("cat", "dog")
    samples = [Sample(letter, "", references=(letter,), options=options) for letter in "AB"]
    (once,) = tables(samples, SampleScore("A", 1.0, "A"), SampleScore("B", 0.0, "Z"))
    assert counts(once) == {"A": [1, 0, 0, 0], "B": [0, 0, 1, 0]}
    (circular,) = tables(samples, SampleScore("A", 0.0, "BB"), SampleScore("B", 1.0, "BA"))
    assert counts(circular) == {"A": [0, 1, 0, 0], "B": [0, 1, 0, 0]}


def test_there_is_no_table_without_references_or_with_one_kind_of_them():
    sample = Sample("0", "", references=("yes",))
    assert tables([sample], SampleScore("0", 1.0, "yes")) == []
    assert tables([replace(sample, references=())], SampleScore("0", 1.0, "yes")) == []
    assert tables([], SampleScore("0", 1.0, "yes")) == []
