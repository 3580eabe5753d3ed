"""The benchmark of a full VQAv2: its model is found, steps are told apart, and a missed bar is named."""

import json

import pytest

from benchmarks import full_size, streaming_memory
from benchmarks.full_size import NEARLY, Step, missed, noted


def test_the_run_and_the_page_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming_memory, "FILES", 1)
    full_size.prepare(tmp_path, 40)
    run, again, nearly = full_size.run_steps(tmp_path, "", ())
    assert run.first_question < run.seconds
    assert run.loop is not None
    assert again.first_question is None
    assert nearly.first_question < nearly.seconds
    page, all_samples = full_size.page_steps(tmp_path)
    assert min(page.output_bytes, all_samples.output_bytes) > 0


def test_of_several_replicas_the_first_question_counts_and_no_loop(tmp_path):
    for number in (1, 2):
        notes = [{"time": 10.0 + number, "answered": 0, "resident": 1}, {"time": 20, "answered": 5, "resident": 2}]
        (tmp_path / f"run-{number}.json").write_text(json.dumps(notes))
    step = noted(Step("run", 30, 1), 9.0, tmp_path / "run")
    assert (step.first_question, step.loop, step.resident) == (2.0, None, None)
    step = noted(Step("run", 30, 1), 9.0, tmp_path / "other")
    assert step.first_question is None


@pytest.mark.parametrize(
    ("step", "questions", "told"),
    [
        (Step("run", 60.0, 1), 214_354, []),
        (Step("run", 70.0, 1), 214_354, ["run: run 0.000327 s, the bar is 0.0003 s"]),
        (Step("run, 4 replicas", 70.0, 1), 214_354, ["run, 4 replicas: run 0.000327 s, the bar is 0.0003 s"]),
        (Step("run", 1.0, 1, 7.0, 0.2e-3), 214_354, ["run: loop 0.0002 s, the bar is 0.0001 s"]),
        (Step(NEARLY, 11.0, 1, 7.0), 214_354, [f"{NEARLY}: first question 7 s, the bar is 6 s"]),
        (Step(NEARLY, 13.0, 1, 5.0), 214_354, [f"{NEARLY}: {NEARLY} 13 s, the bar is 12 s"]),
        (Step(NEARLY, 50.0, 1, 40.0), 1_000_000, []),
        (Step("page", 9.0, 1), 214_354, ["page: page 9 s, the bar is 8 s"]),
    ],
)
def test_a_missed_bar_is_named(step, questions, told):
    assert missed([step], questions) == told
