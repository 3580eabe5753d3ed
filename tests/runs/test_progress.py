"""What a run tells as it goes."""

import pytest

from emma_eval.runs import progress, rate
from emma_eval.runs.progress import BarProgress, PlainProgress, RequestCounter, TaskCounter
from emma_eval.utils.text import format_duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(rate.time, "monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def count(counter, number, clock, seconds):
    """So many requests are done, evenly over so many seconds."""
    for _ in range(number):
        clock(seconds / number)
        counter.advance(failed=False)


def test_no_time_is_estimated_before_a_twentieth_is_done(clock):
    counter = RequestCounter(total=1000, done=0)
    count(counter, 1, clock, 1.0)  # the first answer, slow as it is
    assert counter.line == "1/1,000, 1.0 samples/s"
    count(counter, 48, clock, 0.96)
    assert "left" not in counter.line
    count(counter, 1, clock, 0.04)
    assert counter.line == "50/1,000, 38 s left, 25.0 samples/s"


def test_of_a_long_run_time_is_estimated_after_half_a_minute(clock):
    counter = RequestCounter(total=100_000, done=0)
    count(counter, 29, clock, 29)
    assert counter.time_left == ""
    count(counter, 2, clock, 2)
    assert counter.time_left == "27 h 46 min left"


def test_the_rate_is_that_of_the_last_minute(clock):
    counter = RequestCounter(total=10_000, done=0)
    count(counter, 100, clock, 100)
    assert counter.speed == "1.0 samples/s"
    count(counter, 700, clock, 70)
    assert counter.speed == "10.0 samples/s"


def test_what_earlier_sessions_did_counts_in_no_rate(clock):
    counter = RequestCounter(total=100, done=40)
    count(counter, 20, clock, 10)
    assert counter.line == "60/100, 20 s left, 2.0 samples/s"
    counter.advance(failed=True)
    count(counter, 39, clock, 19.5)
    assert counter.line == "100/100 in 30 s, 2.0 samples/s, 1 failed"


def test_a_tasks_time_begins_with_its_first_answer(clock):
    task = TaskCounter(total=50, done=0)
    clock(1000)  # other tasks are answered
    for _ in range(10):
        task.advance(failed=False)  # a batch
    assert task.line == "10/50"
    count(task, 20, clock, 5)
    assert task.line == "30/50, 4.0 samples/s"


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
        "all 1/1,002",
        "all 502/1,002, 5 s left, 100.2 samples/s, 1 failed",
        "b 2/2, 0.3 samples/s, 1 failed",
        "a 1,000/1,000, 100.0 samples/s",
        "all 1,002/1,002 in 10 s, 100.2 samples/s, 1 failed",
    ]


def test_on_a_terminal_tasks_under_way_have_a_bar_and_one_line_stays(clock, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    with BarProgress() as bars:
        bars.message(f"loading [x] {'word ' * 20}")
        bars.start({"a": (3, 1), "b": (5, 0)})
        clock(2)
        bars.advance("a", failed=False)
        shown = {task.description: (task.completed, task.total) for task in bars._bars.tasks if task.visible}
        assert shown == {"a": (2, 3), "all": (2, 8)}
        bars.advance("a", failed=True)
        assert [task.description for task in bars._bars.tasks if task.visible] == ["all"]
        for _ in range(5):
            bars.advance("b", failed=False)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("loading [x] word")
    assert all(len(line) <= 60 for line in lines)
    assert list(filter(None, lines))[-1] == "all 8/8 in 2 s, 3.5 samples/s, 1 failed"


def test_the_terminal_decides_which(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress.progress_for_terminal(), BarProgress)
    monkeypatch.setenv("TERM", "dumb")  # which cannot move its cursor
    assert isinstance(progress.progress_for_terminal(), PlainProgress)
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert isinstance(progress.progress_for_terminal(), PlainProgress)
