"""The leaderboard's LaTeX: sound by structure, and compiled where the machine has a TeX."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from emma_eval.reports.latex import escape_latex, latex
from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.published import load_published
from emma_eval.reports.tables import Cell, Heading, Table, TableRow
from emma_eval.reports.view import View
from emma_eval.results.scores import Interval
from tests.fakes import metric, mini_scores, scored_run, task_scores

DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs}
\begin{document}
\input{leaderboard.tex}
\end{document}
"""
NASTY = r"50% & $5 #1 {x} \end{tabular} ~ ^ < > | _ Ångström 中文 \x1b “q”"
TEX = next(filter(None, map(shutil.which, ("pdflatex", "tectonic"))), None)


def board(notes: str = "list", *, strict: bool = False) -> str:
    """Two models, one of them of a name that could break anything, on benchmarks of each table and the mini suite."""
    runs = []
    for name, value in (("emma-7b", 62.3), (NASTY, 61.0)):
        accuracy = metric("accuracy", value).model_copy(update={"interval": Interval(low=value - 1, high=value + 1)})
        tasks = [task_scores("gqa", "testdev-balanced", accuracy), task_scores("mmmu", "val", accuracy)]
        pope = task_scores("pope", "coco", metric("f1", 0.84, "fraction"))
        runs.append(scored_run(*tasks, pope, mini_scores("gqa_mini", 70.0), name=name))
    same = {} if strict else {"emma-7b": "emma-7b", NASTY: "llava-1.5-7b"}
    facts = () if strict else ("params", "data", "adaptation")
    return latex(Leaderboard(runs, load_published(), same).tables(View(strict=strict, facts=facts)), notes)


BOARDS = {"list": board(), "none": board("none"), "strict": board(strict=True)}


@pytest.fixture(params=BOARDS)
def text(request: pytest.FixtureRequest) -> str:
    return BOARDS[request.param]


def test_environments_and_groups_are_closed_in_order(text):
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    bare = re.sub(r"\\[{}]", "", text)
    depth = 0
    for sign in re.findall(r"[{}]", bare):
        depth += 1 if sign == "{" else -1
        assert depth >= 0
    assert depth == 0


def test_every_row_has_the_columns_that_its_tabular_declares(text):
    tabulars = re.findall(r"\\begin\{tabular\}\{@\{\}(?:l|p\{\d+pt\})(r+)@\{\}\}(.*?)\\end\{tabular\}", text, re.DOTALL)
    assert len(tabulars) >= 5
    for columns, body in tabulars:
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) >= 3
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns)}
        rules = [line for line in body.splitlines() if line.endswith("rule")]
        assert (rules[0], rules[1], rules[-1]) == (r"\toprule", r"\midrule", r"\bottomrule")


def test_only_what_pdflatex_has_letters_for_is_left(text):
    assert all(character.isascii() or character in "Åö" for character in text)


def test_specials_of_a_name_are_escaped():
    assert escape_latex(NASTY) == (
        r"50\% \& \$5 \#1 \{x\} \textbackslash{}end\{tabular\} \textasciitilde{} \textasciicircum{} "
        r"\textless{} \textgreater{} \textbar{} \_ Ångström [U+4E2D][U+6587] \textbackslash{}x1b [U+201C]q[U+201D]"
    )


@pytest.mark.parametrize("name", ["[5pt]", "*", "[", "*[1]"])
def test_a_name_is_no_argument_of_the_line_before(name):
    """A line's end and a rule take a star, and a length in brackets, from the line that follows."""
    table = Table("t", "T", name, (Heading(("A",)),), (TableRow(name, (Cell("1"),), "measured"),))
    rows = [line for line in latex([table]).splitlines() if line.endswith(r"\\")]
    assert rows == [rf"{{}}{name} & A \\", rf"{{}}{name} & 1 \\"]


def test_a_minus_is_one_and_a_difference_of_unlike_values_is_marked():
    cells = (Cell("-1.5", differs=True), Cell("+0.5", footnotes=("3",), differs=True))
    headings = (Heading(("A",)), Heading(("B",)))
    table = Table("t", "T", "Model", headings, (TableRow("minus X", cells, "difference"),), (("3", "why"),))
    starred = latex([table], "none")
    assert r"\quad minus X & $-$1.5\textsuperscript{*} & +0.5\textsuperscript{*} \\" in starred
    assert r"\textsuperscript{*} Not known to be of one split, metric, protocol and size." in starred
    assert "why" not in starred
    listed = latex([table])
    assert r"+0.5\textsuperscript{3} \\" in listed
    assert r"\textsuperscript{3}~why\par" in listed


def test_tables_of_many_columns_are_set_in_parts():
    headings = tuple(Heading((f"Benchmark {i}",)) for i in range(14))
    row = TableRow("m", tuple(Cell(f"{i}.5", 1.0) for i in range(14)))
    text = latex([Table("t", "T", "Model", headings, (row,))])
    assert text.count(r"\begin{table}") == 1
    assert text.count(r"\begin{tabular}") == 4
    assert re.findall(r"\d+\.5", text) == [f"{i}.5" for i in range(14)]


@pytest.mark.skipif(TEX is None, reason="no pdflatex or tectonic on this machine")
def test_it_compiles_and_nothing_is_wider_than_the_page(text, tmp_path):
    (tmp_path / "leaderboard.tex").write_text(text, encoding="utf-8")
    (tmp_path / "document.tex").write_text(DOCUMENT, encoding="utf-8")
    assert TEX is not None
    options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in TEX else ["--keep-logs"]
    done = subprocess.run(
        [TEX, *options, "document.tex"], cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False
    )
    if "not found" in done.stdout and "booktabs" in done.stdout:
        pytest.skip("the TeX of this machine has no booktabs")
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "document.pdf").stat().st_size > 10_000
    assert "Overfull" not in (tmp_path / "document.log").read_text(encoding="utf-8", errors="replace")
