"""The gate's reports: JUnit as CI systems read it, and escaped Markdown."""

from xml.etree import ElementTree

from emma_eval.analysis.regression_gate import Tolerances, judge
from emma_eval.reports.gate import explanations, gate_markdown, gate_table, junit, summary
from tests.fakes import task_statistics

BEFORE = [task_statistics(), task_statistics(task="seed"), task_statistics(task="gone")]
RESULT = judge([task_statistics(set(range(0, 40, 2))), task_statistics(task="seed")], BEFORE, Tolerances())
NAMES = ("old", "new")


def test_the_table_has_a_row_for_each_metric_and_each_lost_task():
    rows = [(row.label, row.cells[0].text, row.cells[-1].text) for row in gate_table(RESULT, NAMES).rows]
    assert ("pope", "recall", "regressed") in rows
    assert ("seed", "f1", "pass") in rows
    assert ("gone", "f1", "incomparable") in rows


def test_junit_counts_failures_and_errors():
    suites = {suite.get("name"): suite for suite in ElementTree.fromstring(junit(RESULT))}
    assert list(suites) == ["gone", "pope", "seed"]
    counts = {name: (suite.get("tests"), suite.get("failures"), suite.get("errors")) for name, suite in suites.items()}
    assert (counts["gone"], counts["seed"]) == (("1", "0", "1"), ("4", "0", "0"))
    assert int(counts["pope"][1]) == RESULT.count("regressed") > 0
    recall = next(case for case in suites["pope"] if case.get("name") == "recall")
    assert "recall regressed: 100.0 -> 0.0" in recall.find("failure").get("message")


def test_junit_is_xml_whatever_a_task_is_called():
    name = "a\1b\x1b[31m]]>&<x>\ufffe \u202ec"
    gone = judge([], [task_statistics(task=name)], Tolerances())
    (suite,) = ElementTree.fromstring(junit(gone).encode())
    assert suite.get("name") == "a b [31m]]>&<x>\ufffd c"
    assert {case.get("classname") for case in suite} == {suite.get("name")}


def test_the_words_say_what_was_lost():
    assert summary(RESULT).startswith("failed: ")
    lines = explanations(RESULT)
    assert "pope lost 0: 'yes' (1) -> 'no' (0)" in lines
    assert "pope lost 10 more samples" in lines
    assert "gone: f1 incomparable: the run has no scores of it" in lines


def test_markdown_shows_names_as_they_are():
    text = gate_markdown(RESULT, ("<b>old|</b>", "new"))
    assert "&lt;b&gt;old\\|&lt;/b&gt;" in text
    assert "<b>" not in text
    assert "**regressed**" in text
