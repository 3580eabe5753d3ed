"""What a run tells as it goes."""

import pytest

from emma_eval.runs import progress
from emma_eval.runs.progress import BarProgress, PlainProgress, RequestCounter
from emma_eval.utils.text import format_duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def test_the_rate_is_that_of_this_session(clock):
    counter = RequestCounter(total=100, done=40)
    clock(10)
    for _ in range(20):
        counter.advance(failed=False)
    assert counter.rate == "2.0 samples/s, 20 s left"
    counter.advance(failed=True)
    assert counter.line == "61/100, 2.1 samples/s, 19 s left, 1 failed"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_durations_read_well(seconds, text):
    assert format_duration(seconds) == text


def test_without_a_terminal_a_line_every_few_seconds_and_at_each_tasks_end(clock, capsys):
    with PlainProgress() as plain:
        plain.start({"a": (1000, 0), "b": (2, 0)})
        for number in range(1000):
            clock(0.01)
            plain.advance("a", failed=False)
            if number in (300, 600):
                plain.advance("b", failed=number == 300)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "all 1/1002, 100.0 samples/s, 10 s left",
        "all 502/1002, 100.2 samples/s, 5 s left, 1 failed",
        "b 2/2, 0.3 samples/s, 1 failed",
        "a 1000/1000, 100.0 samples/s",
        "all 1002/1002, 100.2 samples/s, 1 failed",
    ]


def test_on_a_terminal_one_bar_a_task_and_one_for_all(clock, capsys):
    with BarProgress() as bars:
        bars.message("loading [x]")
        bars.start({"a": (10, 4), "b": (5, 0)})
        clock(1)
        bars.advance("a", failed=False)
        bars.advance("a", failed=True)
        tasks = {task.description: (task.completed, task.total) for task in bars._bars.tasks}
    assert tasks == {"a": (6, 10), "b": (0, 5), "all": (6, 15)}
    assert "loading [x]" in capsys.readouterr().err


def test_the_terminal_decides_which(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert isinstance(progress.progress_for_terminal(), BarProgress)
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert isinstance(progress.progress_for_terminal(), PlainProgress)
