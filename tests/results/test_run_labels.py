"""Labels of runs: the name, and where names clash the precision or the folder."""

from pathlib import Path

import pytest

from emma_eval.results.run_labels import LabelParts, labels


def run(name: str, dtype: str, *places: str) -> LabelParts:
    return LabelParts(name, dtype, tuple(map(Path, places)))


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([run("a", "float32", "x/1"), run("b", "float32", "x/1")], ["a", "b"]),
        ([run("a", "float32", "x/1"), run("a", "float16", "x/2")], ["a, float32", "a, float16"]),
        ([run("a", "float32", "x/1"), run("a", "float32", "x/2")], ["a, 1", "a, 2"]),
        ([run("a", "float32", "x/1"), run("a", "float32", "y/1")], ["a, x/1", "a, y/1"]),
        (
            [run("a", "float32", "x/1"), run("a", "float32", "x/2"), run("a", "float16", "x/3")],
            ["a, float32, 1", "a, float32, 2", "a, float16"],
        ),
        ([run("a", "", "x/1"), run("a", "float32", "x/2")], ["a", "a, float32"]),
        ([run("a", "", "x/1", "x/2"), run("a", "", "x/3")], ["a, 1 + 2", "a, 3"]),
        ([run("a", "", "x/1"), run("a", "", "x/1")], ["a, 1", "a, 1, 2"]),
        ([run("a, 1", "", "z"), run("a", "", "x/1"), run("a", "", "x/2")], ["a, 1", "a, 1, 2", "a, 2"]),
    ],
)
def test_labels_are_distinct_and_say_no_more_than_they_must(runs, expected):
    assert labels(runs) == expected
    assert len(set(labels(runs))) == len(runs)
