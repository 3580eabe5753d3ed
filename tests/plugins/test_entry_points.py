"""Readers, scorers and models of another package: installed, they are found by name; what clashes is refused."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

from emma_eval import registry as plugins
from emma_eval.errors import UserError
from emma_eval.inference.loading import load_engine
from emma_eval.models import ModelHandle, find_model, list_models, load_model
from emma_eval.models.base import ModelSpec
from emma_eval.registry import entries
from emma_eval.scorers import get_scorer
from tests.plugins.command import emma_eval

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
    model = json.loads((output / "manifest.json").read_text())["model"]
    assert (model["template"], model["dtype"]) == ("own", None)
    assert len(model["weights"]) == 64  # of its file and source


def test_a_model_that_shares_prefixes_computes_what_its_requests_share_once(installed, quiz):
    shared = ["--task-dir", quiz / "tasks", "--data", quiz]
    done = emma_eval(installed, "run", "--model", "word_counter", "--tasks", "quiz", "--output", quiz / "run", *shared)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((quiz / "run" / "manifest.json").read_text())
    assert manifest["model"]["weights"] == "word_counter 1.0"
    stats = manifest["sessions"][0]["stats"]
    assert stats["prompt_tokens"] == 4 + 4 + 5
    assert stats["computed_tokens"] == 2 + 2 + 2 + 3  # `USER: <image>` once


def test_a_model_takes_its_options_and_refuses_others(installed, quiz):
    asked = ["ask", "--model", "parrot:hello", "Why?"]
    assert emma_eval(installed, *asked, "--model-option", "loud=true").stdout == "HELLO\n"
    done = emma_eval(installed, *asked, "--model-option", "lout=true")
    assert done.returncode == 2
    assert done.stderr == (
        "error: --model-option lout: the model parrot:hello has no such option; did you mean 'loud'?\n"
    )
    assert "loud=yes: true or false is expected" in emma_eval(installed, *asked, "--model-option", "loud=yes").stderr


def test_they_are_listed_and_explained_as_the_shipped_ones_are(installed, quiz):
    assert "parrot        of another package: emma_eval_example.parrot:Parrot" in (
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
        entries("readers")


@pytest.mark.parametrize("value", ["no_such_package:scorer", "json:no_such_scorer"])
def test_what_cannot_be_imported_is_one_line(monkeypatch, value):
    register(monkeypatch, "scorers", "broken", value)
    with pytest.raises(UserError, match=f"the entry point {value} cannot be imported: .*no_such"):
        get_scorer("broken")


class Twin:
    """A model's class."""

    def __init__(self, spec):
        self.spec = spec


def test_a_models_source_stands_behind_a_colon(monkeypatch):
    register(monkeypatch, "models", "twin", f"{__name__}:Twin")
    assert find_model(ModelSpec("twin:/models/a:b", device="cpu")).load().spec == ModelSpec("/models/a:b", device="cpu")
    assert find_model(ModelSpec("twin")).load().spec.source == ""
    assert list_models()["twin"] == f"of another package: {__name__}:Twin"


def test_a_model_that_does_not_say_is_known_by_its_file_and_source(monkeypatch):
    register(monkeypatch, "models", "twin", f"{__name__}:Twin")
    one, same, other = (ModelHandle(ModelSpec(f"twin:{source}")).fingerprint() for source in ("x", "x", "y"))
    assert one == same != other


def test_an_architecture_is_found_by_the_model_type_of_a_checkpoint(monkeypatch, tmp_path):
    register(monkeypatch, "architectures", "twin_llama", f"{__name__}:Twin")
    (tmp_path / "config.json").write_text('{"model_type": "twin_llama"}')
    assert load_model(str(tmp_path)).spec.source == str(tmp_path)


def test_a_model_without_a_method_is_refused(monkeypatch):
    register(monkeypatch, "models", "twin", f"{__name__}:Twin")
    with pytest.raises(UserError, match=r"the model twin has no method generate\(messages\)"):
        load_engine(find_model(ModelSpec("twin")))
