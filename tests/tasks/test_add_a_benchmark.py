"""`docs/add-a-benchmark.md` followed to the letter: its task files, on data made in the benchmarks' own layouts."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from emma_eval.tasks.index import task_names
from tests.tiny_datasets import save_image, write_json
from tests.tiny_datasets_wider import write_lines

DOCUMENT = Path(__file__).parents[2] / "docs" / "add-a-benchmark.md"
EXAMPLES = dict(re.findall(r"```yaml\n# my-tasks/(\w+)\.yaml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.S))


@pytest.fixture
def root(tmp_path):
    """Two or three samples of each benchmark, as its authors publish them."""
    folder = tmp_path / "my-tasks"
    folder.mkdir()
    for name, text in EXAMPLES.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    clevr = [
        {"question_index": n, "image_filename": f"CLEVR_val_{n:06d}.png", "question": "How many cubes?", "answer": "3"}
        for n in range(2)
    ]
    write_json(tmp_path / "CLEVR_v1.0/questions/CLEVR_val_questions.json", {"info": {}, "questions": clevr})
    ai2d = [
        {"question": "Which?", "options": ["egg", "larva"], "answer": str(n), "image": f"{n}.png"} for n in range(2)
    ]
    write_lines(tmp_path / "ai2d/test.jsonl", ai2d)
    vsr = [
        {"image": f"{n:012d}.jpg", "caption": "The cat is under the bed.", "label": n % 2, "relation": "under"}
        for n in range(3)
    ]
    write_lines(tmp_path / "vsr/test.jsonl", vsr)
    captions = {
        "images": [{"id": n, "file_name": f"VizWiz_val_{n:08d}.jpg"} for n in range(2)],
        "annotations": [{"image_id": n, "caption": f"a red can number {n} on a table"} for n in range(2)],
    }
    write_json(tmp_path / "vizwiz_captions/val.json", captions)
    for n in range(3):
        save_image(tmp_path / f"CLEVR_v1.0/images/val/CLEVR_val_{n:06d}.png", n)
        save_image(tmp_path / f"ai2d/images/{n}.png", n)
        save_image(tmp_path / f"vsr/images/{n:012d}.jpg", n)
        save_image(tmp_path / f"vizwiz/val/VizWiz_val_{n:08d}.jpg", n)
    return tmp_path


def command(root, *arguments):
    return main([*arguments, "--task-dir", str(root / "my-tasks"), "--data", str(root)])


def score(root, task, texts, capsys):
    """The values of the metrics in the JSON report."""
    rows = [{"question_id": key, "text": text} for key, text in texts.items()]
    write_lines(root / "answers.jsonl", rows)
    capsys.readouterr()
    files = ["--predictions", str(root / "answers.jsonl"), "--json", str(root / "scores.json")]
    assert command(root, "score", "--task", task, "--allow-partial", *files) == 0
    metrics = json.loads((root / "scores.json").read_text())["metrics"]
    return {one["name"]: one["value"] for one in metrics if not one["group"]}


def test_the_four_kinds_are_there_and_none_is_shipped():
    assert list(EXAMPLES) == ["clevr", "ai2d", "vsr", "vizwiz_captions"]
    assert not set(EXAMPLES) & set(task_names())


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_listed_explained_and_shown(root, name, capsys):
    assert main(["list", "tasks", "--task-dir", str(root / "my-tasks")]) == 0
    assert main(["explain", name, "--task-dir", str(root / "my-tasks")]) == 0
    assert command(root, "show", name) == 0
    assert "expected answer: " in capsys.readouterr().out


@pytest.mark.parametrize("name", EXAMPLES)
def test_check_counts_its_samples(root, name, capsys):
    assert command(root, "check", name) == 2
    assert re.search(r"PROBLEM: [23] samples were read, [\d,]+ are expected", capsys.readouterr().out)
    path = root / "my-tasks" / f"{name}.yaml"
    count = 3 if name == "vsr" else 2
    path.write_text(re.sub(r"expected: {samples: \d+}", f"expected: {{samples: {count}}}", path.read_text()))
    assert command(root, "check", name) == 0
    assert f"ok: {count} samples, {count} images" in capsys.readouterr().out


def test_short_answers(root, capsys):
    assert score(root, "clevr", {"0": "3", "1": "4"}, capsys)["accuracy"] == 50
    command(root, "show", "clevr")
    assert "How many cubes?\n    Answer the question using a single word or phrase." in capsys.readouterr().out


def test_multiple_choice(root, capsys):
    assert score(root, "ai2d", {"0": "A", "1": "A"}, capsys)["accuracy"] == 50
    command(root, "show", "ai2d", "--sample", "1")
    out = capsys.readouterr().out
    assert "    A. egg\n    B. larva\n" in out
    assert "expected answer: B" in out


def test_yes_or_no(root, capsys):
    found = score(root, "vsr", {"0": "No", "1": "Yes", "2": "Yes"}, capsys)
    assert found["accuracy"] == pytest.approx(2 / 3)
    command(root, "show", "vsr", "--sample", "1")
    assert "expected answer: yes" in capsys.readouterr().out


@pytest.mark.skipif(not shutil.which("java"), reason="captions need Java")
@pytest.mark.skipif(importlib.util.find_spec("pycocoevalcap") is None, reason="captions need pycocoevalcap")
def test_captions(root, capsys):
    exact = {str(n): f"a red can number {n} on a table" for n in range(2)}
    found = score(root, "vizwiz_captions", exact, capsys)
    assert found["bleu_4"] == pytest.approx(1, abs=1e-6)
