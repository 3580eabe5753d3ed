"""`docs/add-a-scorer.md` followed to the letter: its package, installed, scores answers by the commands it names."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_datasets import save_image
from tests.tiny_datasets_wider import write_lines

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "add-a-scorer.md").read_text("utf-8")
FILES = dict(re.findall(r"```(?:python|toml|yaml)\n# (\S+)\n(.*?)```", DOCUMENT, re.S))
CHECK, SCORE, STRICT = re.findall(r"^emma-eval (.*)$", DOCUMENT.replace("\\\n", ""), re.M)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The document's package as pip would lay it, its task, three rulers and three answers; the folder of it all."""
    metadata = tmp_path / "site" / "my_scorers-1.0.dist-info"
    metadata.mkdir(parents=True)
    (tmp_path / "site" / "my_scorers.py").write_text(FILES["my_scorers.py"])
    (group,) = re.findall(r'\[project.entry-points."(.*?)"\]\n(.*?)\n\n', FILES["pyproject.toml"], re.S)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-scorers\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group[0]}]\n{group[1].replace(chr(34), '')}\n")
    (tmp_path / "my-tasks").mkdir()
    (tmp_path / "my-tasks" / "rulers.yaml").write_text(FILES["my-tasks/rulers.yaml"])
    rulers = [{"image": f"{n}.png", "question": "How long?", "length": 100 * n, "unit": "cm"} for n in (1, 2, 3)]
    write_lines(tmp_path / "data/rulers/test.jsonl", rulers)
    for n in (1, 2, 3):
        save_image(tmp_path / f"data/rulers/images/{n}.png", n)
    texts = ["about 105 cm", "200", "no idea"]  # close, exact, no number
    write_lines(tmp_path / "answers.jsonl", [{"question_id": str(n), "text": text} for n, text in enumerate(texts)])
    return tmp_path


def command(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'site'}{os.pathsep}{ROOT}"
    return subprocess.run(
        [sys.executable, str(ROOT / "run_eval.py"), *shlex.split(line)],
        env=os.environ | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_scores_by_both_protocols(site: Path) -> None:
    assert "ok: 3 samples, 3 images" in command(site, CHECK).stdout
    found = {}
    for name, line in (("official", SCORE), ("strict", STRICT)):
        done = command(site, f"{line} --json {name}.json")
        assert done.returncode == 0, done.stderr
        metrics = json.loads((site / f"{name}.json").read_text())["metrics"]
        found[name] = [metric["value"] for metric in metrics]
    assert found["official"] == pytest.approx([200 / 3] * 2)  # overall, and of its only category
    assert found["strict"] == pytest.approx([100 / 3] * 2)


def test_another_value_of_its_option_is_refused(site: Path) -> None:
    task = site / "my-tasks" / "rulers.yaml"
    task.write_text(task.read_text().replace("within: 1%", "within: 5%"))
    done = command(site, STRICT)
    assert done.returncode == 2
    assert "within cannot be '5%'" in done.stderr
