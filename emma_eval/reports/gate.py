"""The regression gate's verdicts: as a table, as Markdown for a pull request, as JUnit XML for a CI system."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from emma_eval.analysis.regression_gate import GateResult, MetricVerdict
from emma_eval.reports.comparison import difference_cell, flip_line
from emma_eval.reports.markdown import escape_markdown, markdown_section
from emma_eval.reports.tables import Cell, Heading, Table, TableRow, format_value
from emma_eval.stats.verdict import FAILING, Verdict
from emma_eval.utils.terminal import Column, paragraph, table_lines
from emma_eval.utils.text import pluralize, single_spaced

NOT_XML = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 can't even spell these
HEADS = ("metric", "baseline", "now", "difference", "p, Holm", "smallest effect", "verdict")
DROPPED = {"smallest effect": 2, "p, Holm": 1}  # where a terminal is narrow, in this order from the highest on
COUNTED: tuple[Verdict, ...] = ("regressed", "changed", "incomparable", "improved")
MAX_LISTED = 10  # lost samples named for each task that regressed


def gate_table(result: GateResult, names: tuple[str, str]) -> Table:
    """One row a verdict. `names` are (baseline, run)."""
    return Table(
        key="regression",
        title=f"{names[1]} against the baseline {names[0]}",
        corner="Task",
        headings=tuple(Heading((head,), None) for head in HEADS),
        rows=tuple(TableRow(verdict.task, _cells(verdict)) for verdict in result.verdicts),
        notes=tuple(f"{name}: not in the baseline, not judged" for name in result.new),
    )


def gate_lines(result: GateResult, names: tuple[str, str], width: int, *, everything: bool) -> list[str]:
    """For a terminal: what did not pass and the samples that were lost; with `everything` first a table of all."""
    table = gate_table(result, names)
    columns = (Column("task"), *(Column(head, right=head != "metric", drop=DROPPED.get(head, 0)) for head in HEADS))
    rows = [(row.label, *(f"{cell.text} {cell.interval}".strip() for cell in row.cells)) for row in table.rows]
    lines = paragraph(table.title, width, rest="    ")
    lines += ["", *table_lines(columns, rows, width), ""] if everything else []
    told = [describe(verdict) for verdict in result.verdicts if verdict.outcome == "improved"]
    for text in (*explanations(result), *told, *table.notes, f"regression gate {summary(result)}"):
        lines += paragraph(text, width, rest="    ")
    return lines


def _cells(verdict: MetricVerdict) -> tuple[Cell, ...]:
    pair = verdict.pair
    metric = Cell(verdict.metric.replace("_", " "))
    outcome = Cell(verdict.outcome, rank=0 if verdict.outcome == "pass" else 1)
    if pair is None:
        return (metric, *[Cell()] * (len(HEADS) - 2), outcome)
    return (
        metric,
        Cell(format_value(pair.first, pair.metric.unit)),
        Cell(format_value(pair.second, pair.metric.unit)),
        difference_cell(pair),
        Cell(f"{verdict.p_value:.2g}"),
        Cell(f"{verdict.smallest_effect:g}%"),
        outcome,
    )


def summary(result: GateResult) -> str:
    """'failed: 1 regressed, 0 changed, 0 incomparable, 0 improved, 12 passed'."""
    counts = ", ".join(f"{result.count(outcome)} {outcome}" for outcome in COUNTED)
    return f"{'failed' if result.failed else 'passed'}: {counts}, {result.count('pass')} passed"


def explanations(result: GateResult) -> list[str]:
    """One line for each failing metric, then the samples that regressed tasks lost."""
    lines = [describe(verdict) for verdict in result.verdicts if verdict.outcome in FAILING]
    for task in dict.fromkeys(verdict.task for verdict in result.verdicts if verdict.outcome == "regressed"):
        flips = result.lost[task]
        lines += [f"{task} lost {single_spaced(flip_line(flip))}" for flip in flips[:MAX_LISTED]]
        if len(flips) > MAX_LISTED:
            lines.append(f"{task} lost {pluralize(len(flips) - MAX_LISTED, 'more sample')}")
    return lines


def describe(verdict: MetricVerdict) -> str:
    """One verdict as a line of text."""
    if verdict.pair is None:
        return f"{verdict.task}: {verdict.metric} {verdict.outcome}: {verdict.reason}"
    pair, unit = verdict.pair, verdict.pair.metric.unit
    difference = difference_cell(pair)
    values = f"{format_value(pair.first, unit)} -> {format_value(pair.second, unit)}"
    change = f"difference {difference.text} {difference.interval}, p {verdict.p_value:.2g}"
    return f"{verdict.task}: {verdict.metric} {verdict.outcome}: {values}, {change}"


def gate_markdown(result: GateResult, names: tuple[str, str]) -> str:
    """Summary, table and explanations."""
    parts = [f"# Regression gate {escape_markdown(summary(result))}", markdown_section(gate_table(result, names))]
    parts += ["\n".join(f"- {escape_markdown(line)}" for line in explanations(result))]
    return "\n\n".join(filter(None, parts)) + "\n"


def _xml_text(text: str) -> str:
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", single_spaced(text))


def junit(result: GateResult) -> str:
    """One test suite a task, one case a metric. `regressed` and `changed` are failures, `incomparable` is an error."""
    root = Xml.Element("testsuites", name="emma-eval regress")
    for task in dict.fromkeys(verdict.task for verdict in result.verdicts):
        verdicts = [verdict for verdict in result.verdicts if verdict.task == task]
        counts = {
            "tests": len(verdicts),
            "failures": sum(verdict.outcome in {"regressed", "changed"} for verdict in verdicts),
            "errors": sum(verdict.outcome == "incomparable" for verdict in verdicts),
        }
        suite = Xml.SubElement(
            root, "testsuite", {"name": _xml_text(task)} | {key: str(n) for key, n in counts.items()}
        )
        for verdict in verdicts:
            case = Xml.SubElement(suite, "testcase", classname=_xml_text(task), name=_xml_text(verdict.metric))
            if verdict.outcome in FAILING:
                kind = "error" if verdict.outcome == "incomparable" else "failure"
                Xml.SubElement(case, kind, message=_xml_text(describe(verdict)), type=verdict.outcome)
            else:
                Xml.SubElement(case, "system-out").text = _xml_text(describe(verdict))
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
