"""Markdown, LaTeX and CSV of one small table, and names that could break them."""

import csv as csv_module
import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from emma_eval.reports.latex import escape_latex, latex
from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.leaderboard_files import write_leaderboard
from emma_eval.reports.markdown import escape_markdown, markdown
from emma_eval.reports.published import load_published
from emma_eval.reports.render import csv, fitting, print_table
from emma_eval.reports.tables import Cell, Heading, Table, TableRow, format_value
from emma_eval.results.scores import Interval
from emma_eval.utils.text import single_spaced
from tests.fakes import metric, scored_run, task_scores

SMALL = Table(
    key="small",
    title="Small & fine",
    corner="Model",
    headings=(Heading(("GQA", "test_dev", "accuracy")), Heading(("MME", "score"))),
    rows=(
        TableRow("a|b_c", (Cell("62.0", 62.0, ("1",), 2), Cell("1510.7", 1510.7, (), 1))),
        TableRow("EMMA", (Cell("63.3", 63.3, ("2", "3"), 1), Cell())),
    ),
    footnotes=(("1", "paper, Table 3; split: test_dev"), ("2", "repo"), ("3", "doubtful: 100% <sure>")),
    notes=("Not comparable.",),
)

MARKDOWN = r"""# Leaderboard

Best of the published values and best of the measured ones in **bold**, second <u>underlined</u>. In brackets
the 95% interval of a measured value (see docs/statistics.md). Numbers refer to the list at the end.

## Small &amp; fine

| Model   |   GQA<br>test\_dev<br>accuracy |   MME<br>score |
|:--------|-------------------------------:|---------------:|
| a\|b\_c |        <u>62.0</u><sup>1</sup> |     **1510.7** |
| EMMA    |         **63.3**<sup>2,3</sup> |                |

Not comparable.

<details>
<summary>3 notes and sources</summary>

- <sup>1</sup> paper, Table 3; split: test\_dev
- <sup>2</sup> repo
- <sup>3</sup> doubtful: 100% &lt;sure&gt;

</details>
"""

LATEX = r"""% \usepackage{booktabs}; best in \textbf, second in \underline

\begin{table}[tp]
\centering\small
\caption{Small \& fine}
\label{tab:small}\par\smallskip
\setlength{\tabcolsep}{4pt}%
\begin{tabular}{@{}lrr@{}}
\toprule
 & GQA & \\
 & test\_dev & MME \\
Model & accuracy & score \\
\midrule
a\textbar{}b\_c & \underline{62.0}\textsuperscript{1} & \textbf{1510.7} \\
EMMA & \textbf{63.3}\textsuperscript{2,3} & \\
\bottomrule
\end{tabular}
\par\smallskip\footnotesize Not comparable.
\end{table}

\begingroup\footnotesize\sloppy\setlength{\parindent}{0pt}
\textbf{Notes and sources.}\par
\textsuperscript{1}~paper, Table 3; split: test\_\allowbreak{}dev\par
\textsuperscript{2}~repo\par
\textsuperscript{3}~doubtful: 100\% \textless{}sure\textgreater{}\par
\endgroup
"""


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.664, "fraction", "66.4"),
        (87.46, "percent", "87.5"),
        (648.0, "points", "648.0"),
        (-0.0, "points", "0.0"),
        (25.0, "count", "25"),
        (0.10871, "number", "0.109"),
    ],
)
def test_a_value_is_printed_as_the_field_prints_it(value, unit, text):
    assert format_value(value, unit) == text


def test_an_interval_stands_behind_its_value(capsys):
    cell = Cell("84.1", 84.1, ("1",), 1, "[82.4, 85.7]")
    table = replace(SMALL, headings=SMALL.headings[:1], rows=(TableRow("EMMA", (cell,)),))
    assert r"**84.1**<sup>1</sup> <sub>\[82.4, 85.7\]</sub>" in markdown([table])
    assert r"\textbf{84.1}\textsuperscript{1} {\scriptsize [82.4, 85.7]}" in latex([table])
    print_table(table)
    assert "84.1 [82.4, 85.7]" in capsys.readouterr().out


def test_the_csv_has_interval_columns_in_the_values_unit():
    measured = metric("f1", 0.841, "fraction").model_copy(update={"interval": Interval(low=0.824, high=0.857)})
    tables = Leaderboard([scored_run(task_scores("x", "test", measured))], load_published()).tables()
    (row,) = csv_module.DictReader(io.StringIO(csv([table for table in tables if table.key == "other"])))
    assert [float(row[name]) for name in ("value", "low", "high")] == pytest.approx([84.1, 82.4, 85.7])


def without_padding(text: str) -> str:
    return re.sub(r"[ -]+", " ", text)


def test_markdown_is_as_expected():
    assert without_padding(markdown([SMALL])) == without_padding(MARKDOWN)


def test_latex_is_as_expected():
    assert without_padding(latex([SMALL])) == without_padding(LATEX)


NASTY = [
    "a | b",
    "x\ny",
    "**bold** _it_ `code`",
    "<script>",
    "50% & $5 #1 {x} \\end{tabular} ~ ^",
    "tab\tnul\x00",
    "中文",
]


@pytest.mark.parametrize("name", NASTY)
def test_no_name_breaks_a_table(name):
    run = scored_run(task_scores("gqa", "testdev-balanced", metric("accuracy", 62.0)), name=name)
    tables = Leaderboard([run], load_published()).tables(measured_only=True)
    lines = markdown(tables).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    assert sum("measured)" in row for row in rows) == 1
    assert "<script>" not in markdown(tables)
    body = re.search(r"\\begin{tabular}.*?\\end{tabular}", latex(tables), re.DOTALL)
    assert body is not None
    measured = [line for line in body[0].splitlines() if "measured)" in line]
    assert len(measured) == 1
    assert len(re.findall(r"(?<!\\)&", measured[0])) == 1
    assert measured[0].endswith("\\\\")


def test_escapes_show_the_text_as_it_is():
    assert escape_markdown("a_b*c|d<e>") == r"a\_b\*c\|d&lt;e&gt;"
    assert escape_latex(r"a_b%\x") == r"a\_b\%\textbackslash{}x"


def test_csv_has_one_line_a_value_with_unrounded_numbers():
    run = scored_run(task_scores("gqa", "testdev-balanced", metric("accuracy", 62.3456)), name="a,b\n|c")
    lines = list(csv_module.DictReader(io.StringIO(csv(Leaderboard([run], load_published()).tables()))))
    (measured,) = [line for line in lines if line["kind"] == "measured"]
    assert (float(measured["value"]), measured["benchmark"], measured["split"]) == (62.3456, "GQA", "testdev-balanced")
    assert measured["model"] == "a,b\n|c (measured)"
    assert {line["kind"] for line in lines} == {"published", "measured"}  # nobody said which model it is
    emma = [line for line in lines if line["model"].startswith("EMMA") and line["benchmark"] == "VQAv2"]
    assert [(line["value"], line["rank"]) for line in emma] == [("89.42", "1")]
    assert "Treat as unverified" in emma[0]["remarks"]


def test_the_terminal_shows_the_same_cells():
    (shown,) = fitting(SMALL, Console(width=80))
    assert shown == SMALL


@pytest.mark.parametrize("name", [*NASTY, "[/b] [red]", "[link=x]"])
def test_a_title_in_the_terminal_is_the_text_that_it_is(name, monkeypatch):
    shown = on_a_terminal(replace(SMALL, title=name), 80, monkeypatch)
    assert "".join(shown.split()).startswith("".join(single_spaced(name).split()))


def test_a_table_too_wide_for_the_terminal_lies_on_its_side():
    headings = tuple(replace(heading, lines=heading.lines[:1]) for heading in SMALL.headings * 6)
    wide = replace(SMALL, headings=headings, rows=tuple(replace(row, cells=row.cells * 6) for row in SMALL.rows))
    (shown,) = fitting(wide, Console(width=40))
    assert [heading.lines for heading in shown.headings] == [("a|b_c",), ("EMMA",)]
    assert [row.label for row in shown.rows[:2]] == ["GQA", "MME"]
    assert [cell.text for cell in shown.rows[1].cells] == ["1510.7", ""]


def test_files_are_written_and_name_failed_samples(tmp_path):
    failed = [{"id": f"q|{i}", "round": i % 2, "reason": "no image"} for i in range(25)]
    one = task_scores("gqa", "testdev-balanced", metric("accuracy", 62.0)).model_dump() | {"failed": failed}
    run = scored_run(type(task_scores("x", "y", metric("accuracy", 1.0))).model_validate(one))
    paths = write_leaderboard(tmp_path / "out", Leaderboard([run], load_published()))
    assert [path.name for path in paths] == ["leaderboard.md", "leaderboard.csv", "leaderboard.tex"]
    text = paths[0].read_text(encoding="utf-8")
    assert "- q\\|0: no image\n- q\\|1, pass 1: no image" in text
    assert "and 5 more, listed in scores.json" in text


def on_a_terminal(table: Table, width: int, monkeypatch) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    monkeypatch.setattr("rich.console.Console", lambda: console)
    print_table(table)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [20, 40, 80, 120, 400])
def test_no_number_is_cut_whatever_the_terminal(width, monkeypatch):
    headings = tuple(Heading((f"Benchmark {i}", "accuracy")) for i in range(12))
    rows = [
        TableRow(f"model-{m}", tuple(Cell(f"{10 * m + i}.5", 1.0, (), 0, f"[{i}.1, {i}.9]") for i in range(12)))
        for m in range(1, 10)
    ]
    shown = on_a_terminal(Table("wide", "Wide", "Model", headings, tuple(rows)), width, monkeypatch)
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    for row in rows:
        for cell in row.cells:
            assert re.search(rf"(?<!\d){re.escape(cell.text)}", shown)


@pytest.mark.parametrize(("columns", "width"), [(None, 80), ("60", 60), ("140", 140)])
def test_a_pipe_gets_every_number_within_eighty_columns_or_those_of_the_variable(columns, width, monkeypatch, capsys):
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    headings = tuple(Heading((f"A benchmark with a long name, number {i}", "accuracy")) for i in range(12))
    row = TableRow("m", tuple(Cell(f"{i}.5", 1.0) for i in range(12)))
    note = "A note that is as long as notes are, so that it needs more than one line of a page. " * 3
    print_table(Table("wide", "Wide", "Model", headings, (row,), notes=(note,)))
    shown = capsys.readouterr().out
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    assert [word for word in shown.split() if re.fullmatch(r"\d+\.5", word)] == [f"{i}.5" for i in range(12)]
    assert max(map(len, shown.splitlines())) <= width
    assert note.split() == shown.split()[-len(note.split()) :]
