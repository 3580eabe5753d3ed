"""What a scorer or a file to submit needs is looked for before a model is loaded or an answer is read."""

import sys

import pytest

from emma_eval import registry
from emma_eval.cli.main import main
from emma_eval.registry import needs, require_tools
from tests import tiny_datasets_wider as tiny
from tests.fakes import FakeHandle

JAVA = "no `java` on the PATH: install a Java runtime"


@pytest.fixture
def unloadable(monkeypatch):
    """A model that must not be loaded."""

    class Unloadable(FakeHandle):
        def load(self):
            raise AssertionError("the model was loaded")

    monkeypatch.setattr("emma_eval.models.find_model", lambda spec: Unloadable(None))


@pytest.fixture
def hidden(monkeypatch):
    """Hide a package as if it were not installed."""
    return lambda package: monkeypatch.setitem(sys.modules, package, None)


def run(root, task):
    return main(
        [
            "run",
            "--model",
            "fake",
            "--tasks",
            task,
            "--data",
            str(root),
            "--output",
            str(root / "run"),
            "--allow-partial",
        ]
    )


@pytest.mark.usefixtures("unloadable")
@pytest.mark.parametrize(("task", "make"), [("coco_caption", tiny.karpathy), ("nocaps", tiny.nocaps)])
def test_captions_without_java_are_refused_before_the_model_is_loaded(task, make, tmp_path, monkeypatch, capsys):
    pytest.importorskip("pycocoevalcap")
    make(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert run(tmp_path, task) == 2
    assert JAVA in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("unloadable")
@pytest.mark.parametrize(
    ("task", "package"),
    [
        ("coco_caption", "pycocoevalcap"),
        ("amber_generative", "textblob"),
        ("amber_generative", "lemminflect"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_extra(task, package, hidden, tmp_path, capsys):
    tiny.karpathy(tmp_path)
    tiny.amber(tmp_path)
    hidden(package)
    assert run(tmp_path, task) == 2
    extra = {"coco_caption": "captions", "amber_generative": "amber"}[task]
    assert f"the package {package}: pip install 'emma-eval[{extra}]'" in capsys.readouterr().err


@pytest.mark.usefixtures("unloadable")
def test_a_task_that_needs_nothing_is_not_held_up(hidden, tmp_path, monkeypatch):
    tiny.mmvp(tmp_path)
    monkeypatch.setenv("PATH", "")
    hidden("textblob")
    with pytest.raises(AssertionError, match="the model was loaded"):
        run(tmp_path, "mmvp")


def test_a_truth_that_only_some_samples_have_is_told_before_the_model_is_loaded(unloadable, tmp_path, capsys):
    tiny.mmvp(tmp_path)
    questions = tmp_path / "vision-bench" / "MMVP" / "Questions.csv"
    questions.write_text(questions.read_text(encoding="utf-8-sig").replace(",(b)", ","))
    told = "task mmvp: 1 of 2 samples have no expected answer, the first is '2': complete the data"
    assert run(tmp_path, "mmvp") == 2
    assert told in capsys.readouterr().err
    assert main(["check", "mmvp", "--data", str(tmp_path)]) == 2


def test_check_tells_it_too_where_the_data_are(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pycocoevalcap")
    tiny.karpathy(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert main(["check", "coco_caption", "--data", str(tmp_path)]) == 2
    assert "coco_caption: PROBLEM: captions are scored by" in capsys.readouterr().out
    assert main(["check", "coco_caption"]) == 0  # the task file alone


def test_an_excel_file_is_refused_before_anything_is_read(hidden, tmp_path, capsys):
    hidden("openpyxl")
    nowhere = ["submit", "mmbench_en_test", str(tmp_path / "no-run"), "--data", str(tmp_path)]
    assert main([*nowhere, "--output", str(tmp_path / "out.xlsx")]) == 2
    assert "pip install 'emma-eval[xlsx]'; or name a .tsv file" in capsys.readouterr().err


ASKED = []


@needs(ASKED.append)
def needing():
    """Need what the check looks for."""


def test_a_function_says_what_it_needs_and_one_that_says_nothing_needs_nothing(monkeypatch):
    places = {"needing": f"{__name__}:needing", "loads": "json:loads"}
    monkeypatch.setattr(registry, "entries", lambda kind: places)
    assert require_tools("submissions", "needing", "out.xlsx")
    assert not require_tools("submissions", "loads", "out.xlsx")
    assert ASKED == ["out.xlsx"]
