"""Images in a data set's tables, which another process has no access to, are answered there all the same."""

import json

import pytest

pytestmark = pytest.mark.slow

# A model of one method that looks at the image alone: the sum of its pixels.
MODEL = """
import numpy as np

class Sum:
    def __init__(self, spec):
        pass

    def generate(self, messages):
        return [str(np.asarray(message.images[0]).sum()) for message in messages]
"""


def test_what_was_fetched_is_answered_alike_by_one_process_and_by_two(command, tmp_path):
    metadata = tmp_path / "site" / "pixels-1.0.dist-info"
    metadata.mkdir(parents=True)
    (tmp_path / "site" / "pixels.py").write_text(MODEL)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: pixels\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[emma_eval.models]\npixels = pixels:Sum\n")
    installed = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})"
    assert command("data", "fetch", "my_gqa").returncode == 0
    answers = []
    for replicas in ("1", "2"):
        folder = tmp_path / f"run-{replicas}"
        options = ["--model", "pixels", "--tasks", "my_gqa", "--offline", "--output", str(folder)]
        done = command("run", *options, "--replicas", replicas, patch=installed)
        assert done.returncode == 0, done.stdout + done.stderr
        rows = map(json.loads, (folder / "responses" / "my_gqa.jsonl").read_text().splitlines())
        answers.append({row["id"]: row["text"] for row in rows})
    assert answers[0] == answers[1]
    assert len(set(answers[0].values())) > 1
    assert json.loads((folder / "manifest.json").read_text())["sessions"][0]["replicas"] == 2
