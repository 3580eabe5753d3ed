"""`Run.compare`: the numbers of the command `compare`, as frames."""

import json

import pytest

import emma_eval
from emma_eval.cli.main import main
from emma_eval.errors import UserError


@pytest.fixture
def runs(data, tmp_path):
    def answering(word):
        options = {"data": data, "allow_partial": True, "fingerprint": word, "name": word, "progress": False}
        return emma_eval.evaluate(lambda _: word, "pope", output=tmp_path / word, **options)

    return answering("yes"), answering("no")


def test_frames_hold_what_the_command_writes(runs, tmp_path):
    first, second = runs
    file = tmp_path / "comparison.json"
    assert main(["compare", str(first.path), str(second.path), "--json", str(file)]) == 0
    (task,) = json.loads(file.read_text())["tasks"]
    comparison = first.compare(second)
    (row,) = comparison.table.to_dict("records")
    assert (row["task"], row["p_holm"], row["samples"]) == ("pope", task["p_holm"], task["samples"])
    assert (row["won"], row["lost"], row["tied"]) == (len(task["won"]), len(task["lost"]), task["tied"])
    for found, written in zip(comparison.metrics.to_dict("records"), task["metrics"], strict=True):
        shared = ("group", "category", "first", "second", "difference", "low", "high", "unit", "p", "test")
        assert {name: found[name] for name in shared} == {name: written[name] for name in shared}
        assert found["metric"] == written["name"]
    flips = comparison.flips
    assert list(flips.query("flip == 'won'")["id"]) == [flip["id"] for flip in task["won"]]
    assert list(flips.query("flip == 'lost'")["second_answer"]) == [
        flip["second"]["parsed_answer"] for flip in task["lost"]
    ]


def test_prints_the_commands_table(runs):
    first, second = runs
    text = repr(first.compare(second))
    assert text.splitlines()[0] == "no against yes"
    assert "6:6:0" in text
    assert "no significant difference between yes and no on pope: -66.7 points" in text
    assert "6 : 6 : 0" in first.compare(second)._repr_html_()


def test_a_path_or_a_baseline_stands_for_a_run(runs, tmp_path):
    first, second = runs
    assert main(["baseline", str(second.path), "--output", str(tmp_path / "base.json")]) == 0
    tables = [first.compare(other).table for other in (second, second.path, str(second.path), tmp_path / "base.json")]
    for table in tables[1:]:
        assert table.equals(tables[0])


def test_what_cannot_be_compared_is_refused(runs, data, tmp_path):
    first, _ = runs
    options = {"data": data, "limit": 4, "fingerprint": "1", "progress": False}
    short = emma_eval.evaluate(lambda _: "no", "pope", output=tmp_path / "short", **options)
    with pytest.raises(UserError, match="the samples differ: 12 in the first, 4 in the second"):
        first.compare(short)
    assert first.compare(short, intersect=True).table["samples"][0] == 4
    with pytest.raises(UserError, match="no scores of task 'gqa'"):
        first.compare(short, "gqa")
    with pytest.raises(UserError, match="is missing"):
        first.compare(tmp_path / "gone")
