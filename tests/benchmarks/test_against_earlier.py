"""The benchmark against an earlier version: the version that is there stands in for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import against_earlier
from emma_eval.errors import UserError

pytestmark = pytest.mark.skipif(not (against_earlier.HERE / ".git").exists(), reason="needs a git clone")


@pytest.mark.slow
def test_both_versions_answer_the_same_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "earlier.json"
    arguments = ["--commit", "HEAD", "--limit", "1", "--repeats", "1", "--output", str(output)]
    monkeypatch.setattr("sys.argv", ["against_earlier.py", *arguments])
    against_earlier.main()  # whatever the bar says
    first, *others = json.loads(output.read_text())["measured"]
    assert len(others) == 3
    for one in others:
        assert one["requests"] == first["requests"] > 8
        assert one["same_answers"] == 1
        assert one["first_is_faster"] == pytest.approx(one["seconds"] / first["seconds"])


@pytest.mark.slow
def test_the_same_batch_size_gives_a_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    output = tmp_path / "earlier.json"
    arguments = ["--commit", "HEAD", "--sizes", "8", "--limit", "1", "--repeats", "1", "--output", str(output)]
    monkeypatch.setattr("sys.argv", ["against_earlier.py", *arguments])
    monkeypatch.setattr(against_earlier, "ROUNDS", 1)
    against_earlier.main()
    here, there = json.loads(output.read_text())["measured"]
    assert (here["way"], there["way"]) == ("this version, 8", "HEAD, 8")
    assert there["same_answers"] == 1
    ratio = there["seconds"] / here["seconds"]
    assert f"batch size 8: this version runs at {ratio:.3f} x the speed of HEAD" in capsys.readouterr().out


def test_a_commit_that_the_clone_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"git has no 0000000 .* whole history"):
        against_earlier.check_out("0000000", tmp_path)
