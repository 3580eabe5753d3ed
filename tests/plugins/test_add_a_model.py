"""`docs/add-a-model.md` followed to the letter: its files, installed, answer a task."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes import write_pope
from tests.plugins.command import ROOT, emma_eval

DOCUMENT = (ROOT / "docs" / "add-a-model.md").read_text("utf-8")
FILES = {name: text for _, name, text in re.findall(r"```(python|toml)\n# (\S+)\n(.*?)```", DOCUMENT, re.S)}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages with the document's, as pip would write it."""
    folder = tmp_path / "site"
    metadata = folder / "my_model-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "my_model.py").write_text(FILES["my_model.py"])
    (group,) = re.findall(r'\[project.entry-points."(.*?)"\]\n(.*?)\n\n', FILES["pyproject.toml"], re.S)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-model\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group[0]}]\n{group[1].replace(chr(34), '')}\n")
    return folder


def test_the_example_answers_a_question(site: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "white").save(tmp_path / "kite.png")
    done = emma_eval(site, "ask", "--model", "brightness", "--image", tmp_path / "kite.png", "Is it day?")
    assert (done.returncode, done.stdout) == (0, "bright\n"), done.stderr


def test_the_example_runs_a_task_with_its_option_and_loses_no_sample_to_a_broken_image(
    site: Path, tmp_path: Path
) -> None:
    data, output = tmp_path / "data", tmp_path / "run"
    write_pope(data)
    (data / "pope" / "val2014" / "b.jpg").write_bytes(b"broken")
    shared = ["--tasks", "pope", "--data", data, "--allow-partial", "--output", output]
    done = emma_eval(site, "run", "--model", "brightness", "--model-option", "words=no,yes", *shared)
    assert done.returncode == 1, done.stderr  # as a sample failed
    responses = [json.loads(line) for line in (output / "responses" / "pope.jsonl").read_text().splitlines()]
    assert [one["text"] for one in responses].count("no") == 6
    assert sum("b.jpg" in (one["error"] or "") for one in responses) == 6
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["settings"]["model_options"] == {"words": "no,yes"}
    done = emma_eval(site, "run", "--model", "brightness", *shared)
    assert "--model-option words was no,yes and is not given now" in done.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model-option", "word=x"], "has no such option; did you mean 'words'?"),
        (["--model-option", "words"], "'words' is not of the form OPTION=VALUE"),
        (["--dtype", "float32"], "there is no image to look at"),
    ],
)
def test_what_it_refuses_is_one_line(site: Path, more: list[str], message: str) -> None:
    done = emma_eval(site, "ask", "--model", "brightness", "Is it day?", *more)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]


def test_every_name_in_the_document_exists() -> None:
    from emma_eval.models.base import Message, Model, ModelSpec

    fields = set(Message.__dataclass_fields__) | {"parts"}
    table = DOCUMENT.split("| field of a Message |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == fields
    assert set(re.findall(r"`spec\.(\w+)`", DOCUMENT)) <= set(ModelSpec.__dataclass_fields__)
    assert Model
