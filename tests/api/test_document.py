"""`docs/python.md` followed to the letter: every block, in order, in one program."""

import ast
import inspect
import re
import warnings
from dataclasses import fields
from pathlib import Path

import emma_eval
from emma_eval.api.frames import SCORE_COLUMNS
from emma_eval.api.sample_rows import SampleRow

DOCUMENT = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.S | re.M)


def test_every_block_does_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", emma_eval.EmmaEvalWarning)
        for block in BLOCKS:
            exec(compile(block, "docs/python.md", "exec"), names)
    assert "unknown task or group 'pope_mni'; did you mean 'pope_mini'?" in capsys.readouterr().out
    run = names["run"]
    assert isinstance(run, emma_eval.Run)
    assert (run.status, run.tasks, run.failed) == ("finished", ("pope_mini", "gqa_mini"), 0)
    assert Path("report/index.html").is_file()
    assert Path("samples.csv").is_file()


def test_every_expression_of_a_block_is_a_value():
    """A line that stands alone, as `run.scores`, is there to be looked at."""
    shown = [node for block in BLOCKS for node in ast.parse(block).body if isinstance(node, ast.Expr)]
    assert len(shown) > 20


def test_the_columns_are_those_of_the_frames():
    def documented(frame: str) -> list[str]:
        table = DOCUMENT.split(f"| column of `{frame}` |")[1].split("\n\n")[0]
        return [name for cell in re.findall(r"^\|(.*?)\|", table, re.M) for name in re.findall(r"`(\w+)`", cell)]

    assert sorted(documented("scores")) == sorted(SCORE_COLUMNS)
    assert sorted(documented("samples")) == sorted(field.name for field in fields(SampleRow))


def test_the_options_in_the_table_are_those_of_evaluate():
    table = DOCUMENT.split("| option | value |")[1].split("\n\n")[0]
    cells = re.findall(r"^\|(.*?)\|", table, re.M)
    named = {name for cell in cells for name in re.findall(r"`(\w+)(?:=[^`]*)?`", cell)}
    assert named <= set(inspect.signature(emma_eval.evaluate).parameters)
