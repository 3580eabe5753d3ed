"""Readers, scorers and models of another package: installed, they are found by name; what clashes is refused."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

from emma_eval import registry as plugins
from emma_eval.errors import UserError
from emma_eval.models import list_models, load_model, model_plugin
from emma_eval.registry import known
from emma_eval.scorers import get_scorer

ROOT = Path(__file__).parents[2]

TASK = """\
title: Quiz
benchmark: quiz
split: all
reader: quiz_lines
files: {quiz: quiz.txt, images: images}
metric: accuracy
protocols:
  official: {scorer: first_word}
  strict: {scorer: first_word, case: kept}
expected: {samples: 3}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the example package is installed into; nothing is downloaded."""
    pytest.importorskip("setuptools")
    target, copy = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source")
    source = Path(__file__).parent / "example"
    for path in source.rglob("*"):
        if path.suffix in (".py", ".toml"):
            (copy / path.relative_to(source)).parent.mkdir(exist_ok=True)
            (copy / path.relative_to(source)).write_bytes(path.read_bytes())
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(copy)], check=True)
    return target


@pytest.fixture
def quiz(tmp_path):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "quiz.yaml").write_text(TASK)
    (tmp_path / "quiz.txt").write_text("a.png | Red? | yes\na.png | Blue? | no\na.png | A colour? | Yes\n")
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4), "red").save(tmp_path / "images" / "a.png")
    return tmp_path


def emma_eval(site, *arguments):
    environment = os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(ROOT / "run_eval.py"), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_task_runs_on_another_packages_reader_scorer_and_model(installed, quiz):
    shared = ["--task-dir", quiz / "tasks", "--data", quiz]
    output = quiz / "run"
    done = emma_eval(installed, "run", "--model", "parrot:yes sir", "--tasks", "quiz", "--output", output, *shared)
    assert done.returncode == 0, done.stderr
    scores = json.loads((output / "scores.json").read_text())
    (task,) = scores["tasks"]
    assert [metric["value"] for metric in task["metrics"]] == [pytest.approx(200 / 3)]
    strict = ["--task", "quiz", "--protocol", "strict", "--predictions", output / "responses" / "quiz.jsonl"]
    done = emma_eval(installed, "score", *strict, *shared)
    assert "33.33%" in done.stdout, done.stderr
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["model"]["weights"] == "parrot 1.0, yes sir"


def test_they_are_listed_and_explained_as_the_shipped_ones_are(installed, quiz):
    assert "parrot      of another package: emma_eval_example.parrot:PARROT" in (
        emma_eval(installed, "list", "models").stdout
    )
    explained = emma_eval(installed, "explain", "quiz", "--task-dir", quiz / "tasks").stdout
    assert "the answer's first word counts" in explained
    assert "quiz_lines" in emma_eval(installed, "schema").stdout


def test_without_the_package_the_name_is_unknown(quiz):
    done = emma_eval("", "check", "quiz", "--task-dir", quiz / "tasks", "--data", quiz)
    assert done.returncode == 2
    assert "key 'reader': unknown reader 'quiz_lines'" in done.stdout


def register(monkeypatch, kind, name, value):
    point = metadata.EntryPoint(name, value, f"emma_eval.{kind}")
    monkeypatch.setattr(plugins, "_entry_points", lambda asked: (point,) if asked == kind else ())


def test_a_shipped_name_cannot_be_taken(monkeypatch):
    register(monkeypatch, "readers", "vqa_json", "elsewhere:READER")
    with pytest.raises(UserError, match=r"registers elsewhere:READER as emma_eval.readers: 'vqa_json', a name that"):
        known("readers")


@pytest.mark.parametrize("value", ["no_such_package:scorer", "json:no_such_scorer"])
def test_what_cannot_be_imported_is_one_line(monkeypatch, value):
    register(monkeypatch, "scorers", "broken", value)
    with pytest.raises(UserError, match=f"the entry point {value} cannot be imported: .*no_such"):
        get_scorer("broken")


def test_a_models_source_stands_behind_a_colon(monkeypatch):
    register(monkeypatch, "models", "twin", "json:decoder")
    assert model_plugin("twin:/models/a:b") == (json.decoder, "/models/a:b")
    assert model_plugin("twin") == (json.decoder, "")
    assert model_plugin("emma-mini") is None
    assert model_plugin("org/name") is None
    assert list_models()["twin"] == "of another package: json:decoder"
    with pytest.raises(UserError, match="`run` takes it, nothing else"):
        load_model("twin:x")
