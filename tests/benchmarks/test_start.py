"""start_vqav2.py and start_run.py work on tiny data."""

import json

import pytest

from benchmarks import start_run, start_vqav2


@pytest.mark.slow
def test_it_measures_official_and_fetched_data(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["start_vqav2.py", "--questions", "20", "--output", str(tmp_path / "start.json")])
    monkeypatch.setattr(start_vqav2, "REPEATS", 1)
    assert start_vqav2.main() == 0
    starts = json.loads((tmp_path / "start.json").read_text())["starts"]
    assert {source: own[0]["requests"] for source, own in starts.items()} == {
        "official files": 20,
        "fetched from the hub": 20,
    }
    assert "s until ready" in capsys.readouterr().out


@pytest.mark.slow
def test_the_import_of_torch_is_told_apart_from_the_rest_of_a_start(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["start_run.py", "--repeats", "1", "--output", str(tmp_path / "start.json")])
    start_run.main()  # its exit code depends on the machine
    record = json.loads((tmp_path / "start.json").read_text())
    assert 0 < record["ours"] < record["first_batch"]
