"""Progress in a notebook: one output that changes, with text that is escaped."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

import emma_eval
from emma_eval.api.progress import NotebookProgress, progress_in_python
from emma_eval.runs.progress import PlainProgress
from tests.fakes import REQUESTS, FakeEngine


@pytest.fixture
def outputs(monkeypatch):
    """The outputs of the cell, as IPython's `display` would show them; each is a list of what it held in turn."""
    shown: list[list[str]] = []

    def display(content, *, display_id):
        assert display_id is True
        shown.append([content])
        return SimpleNamespace(update=shown[-1].append)

    module, package = ModuleType("IPython.display"), ModuleType("IPython")
    module.display, module.HTML = display, str  # type: ignore[attr-defined]
    package.display = module  # type: ignore[attr-defined]
    package.get_ipython = lambda: SimpleNamespace(kernel="a kernel")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return shown


def test_a_run_is_one_output(outputs, data, folder):
    emma_eval.evaluate(FakeEngine(), "pope", data=data, allow_partial=True, output=folder, fingerprint="1")
    (states,) = outputs
    assert "loading FakeEngine" in states[0]
    assert f'<progress value="{REQUESTS}" max="{REQUESTS}"></progress> pope {REQUESTS}/{REQUESTS}' in states[-1]
    assert f" all {REQUESTS}/{REQUESTS} in 0 s</div>" in states[-1]


def test_what_fails_is_counted_and_what_was_answered_before(outputs):
    with NotebookProgress() as progress:
        progress.start({"pope": (10, 4), "gqa": (5, 0)})
        progress.advance("pope", failed=True)
    (states,) = outputs
    assert "pope 5/10, 1 failed" in states[-1]
    assert "all 5/15" in states[-1]


def test_text_is_escaped(outputs):
    with NotebookProgress() as progress:
        progress.message("<script>alert(1)</script>\n& more")
        progress.start({"<b>": (1, 0)})
    assert "<script" not in outputs[0][-1]
    assert "<b>" not in outputs[0][-1]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in outputs[0][-1]


def test_a_kernel_is_a_notebook_and_nothing_else_is(outputs, monkeypatch):
    assert isinstance(progress_in_python(), NotebookProgress)
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", SimpleNamespace)
    assert isinstance(progress_in_python(), PlainProgress)
    monkeypatch.delitem(sys.modules, "IPython")
    assert isinstance(progress_in_python(), PlainProgress)
