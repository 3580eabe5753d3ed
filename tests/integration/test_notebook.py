"""A run in a real Jupyter kernel: one output that changes, tables, and an interrupt after which the same cell goes on.

Run it with a Python that has the packages: pip install ipykernel nbclient && python -m pytest THIS_FILE
"""

from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="needs Jupyter: pip install ipykernel nbclient")
nbformat = pytest.importorskip("nbformat", reason="needs Jupyter: pip install ipykernel nbclient")
pytest.importorskip("ipykernel", reason="needs Jupyter: pip install ipykernel nbclient")

MODEL = """
import os, signal, threading, time
import emma_eval

class Slow:
    fingerprint, batch_size, pressed = "1", 2, True
    def generate(self, messages):
        if not Slow.pressed:
            Slow.pressed = True
            threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        time.sleep(0.05)
        return ["yes"] * len(messages)
"""
INTERRUPTED = """
Slow.pressed = False
emma_eval.evaluate(Slow(), "pope_mini", output="run")
"""
AGAIN = 'run = emma_eval.evaluate(Slow(), "pope_mini", output="run"); run'
LOOK = "import asyncio; asyncio.get_running_loop(); print(run.status, [one.outcome for one in run.manifest.sessions])"
MISTAKE = 'emma_eval.evaluate(Slow(), "popes")'


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list:
    """The cells of a notebook, executed."""
    sources = (MODEL, INTERRUPTED, AGAIN, "run.compare(run)", LOOK, MISTAKE)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    folder: Path = tmp_path_factory.mktemp("notebook")
    client = nbclient.NotebookClient(
        notebook, timeout=300, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return notebook.cells


def html(cell, kind: str) -> list[str]:
    return [one.data["text/html"] for one in cell.outputs if one.output_type == kind]


def test_an_interrupt_ends_the_cell_and_the_same_cell_goes_on(cells):
    assert [one.ename for one in cells[1].outputs if one.output_type == "error"] == ["KeyboardInterrupt"]
    (shown,) = html(cells[2], "display_data")
    assert "pope_mini 300/300" in shown
    assert cells[4].outputs[0].text == "finished ['interrupted', 'finished']\n"


def test_a_run_and_a_comparison_are_tables(cells):
    for cell in cells[2:4]:
        (shown,) = html(cell, "execute_result")
        assert "<table>" in shown
        assert "pope_mini" in shown


def test_a_mistake_is_one_line(cells):
    (error,) = (one for one in cells[5].outputs if one.output_type == "error")
    assert (error.ename, error.evalue) == ("UserError", "unknown task or group 'popes'; did you mean 'pope'?")
