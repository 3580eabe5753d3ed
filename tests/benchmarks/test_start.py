"""The benchmark of a run's start, made tiny: both kinds of data give every question."""

import json

from benchmarks import start_vqav2


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
