"""replicas.py compares variants on the same requests."""

import json

import pytest

from benchmarks import replicas


@pytest.mark.slow
def test_all_variants_answer_the_same_requests_alike(tmp_path, monkeypatch):
    arguments = ["--repeats", "1", "--limit", "4", "--output", str(tmp_path / "replicas.json")]
    monkeypatch.setattr("sys.argv", ["replicas.py", *arguments])
    replicas.main()  # its exit code depends on the machine
    variants = json.loads((tmp_path / "replicas.json").read_text())["variants"]
    assert [(one["replicas"], one["threads"]) for one in variants] == [(2, 1), (1, 1), (1, 2)]
    assert {one["requests"] for one in variants} == {40}
    assert {one["same_answers"] for one in variants} == {1}
