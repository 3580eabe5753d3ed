"""Which questions have choices, which of them is preferred and how confidently; kept, and asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.engine import Engine
from emma_eval.robustness import choice_answers
from emma_eval.robustness.choice_answers import (
    ChoiceAnswer,
    ask_choices,
    choices_of,
    known_answers,
    read_answers,
    words_of_tokens,
)
from emma_eval.robustness.left_out import LeftOut
from emma_eval.runs.plan import TaskPlan, with_requests
from emma_eval.tasks.loading import load_task
from emma_eval.types import Failure, Request, Sample
from tests.fakes import sample

VOCABULARY = {1: "Yes", 2: "yes", 3: "no", 4: "A", 5: "B", 6: "Yesterday", 7: "a", 8: "not"}
LOG_HALF = -0.6931471805599453


@dataclass(frozen=True)
class Vocabulary:
    """A model with a vocabulary alone."""

    texts: dict[int, str] = field(default_factory=lambda: VOCABULARY)

    def token_texts(self) -> dict[int, str]:
        return self.texts

    def first_token_log_probs(self, rows: Any, images: Any, groups: Any) -> Any:
        raise AssertionError("the tests give the outcomes")


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Request]]:
    """Let every request have these log probabilities of its groups, or this failure; the requests that were asked."""
    asked: list[Request] = []

    def give(*of_groups: tuple[float, ...] | Failure) -> list[Request]:
        def answer(engine: Engine, requests: Sequence[Request], groups: Any, stats: Any) -> Iterator[tuple[int, Any]]:
            asked.extend(requests)
            yield from reversed(list(enumerate(of_groups[: len(requests)])))

        monkeypatch.setattr(choice_answers, "choice_log_probs", answer)
        return asked

    return give


def plan_of(task: str, *samples: Sample) -> TaskPlan:
    config = load_task(task)
    plan = TaskPlan(config, "", samples, False, facts=_Facts())  # type: ignore[arg-type]
    return with_requests(plan, "vicuna_v1")


class _Facts:
    def model_copy(self, update: Any) -> _Facts:
        return self


def engine() -> Engine:
    return BatchedEngine(Vocabulary())  # type: ignore[arg-type]


def test_yes_or_no_and_letters_are_choices() -> None:
    assert choices_of(load_task("pope"), sample("1", "no")) == (("yes", "no"), "no")
    four = sample("1", "C", options=("a", "b", "c", "d"))
    assert choices_of(load_task("seed_image"), four) == (("A", "B", "C", "D"), "C")
    assert choices_of(load_task("gqa"), sample("1", "red")) is LeftOut.NO_CHOICES
    assert choices_of(load_task("vqav2"), sample("1", ("yes", "no"))) is LeftOut.NO_CHOICES
    assert choices_of(load_task("seed_image"), replace(four, references=("E",))) is LeftOut.NO_LETTER


def test_confidence_is_the_share_of_the_preferred_choice() -> None:
    answer = ChoiceAnswer(sample="1", right="no", probabilities={"yes": 0.1, "no": 0.3})
    assert (answer.chosen, answer.mass, answer.confidence) == ("no", pytest.approx(0.4), pytest.approx(0.75))
    nothing = ChoiceAnswer(sample="1", right="no", probabilities={"yes": 0.0, "no": 0.0})
    assert (nothing.chosen, nothing.confidence) == ("yes", 0.5)


def test_answers_are_kept_in_the_order_of_the_task(tmp_path: Path, outcomes: Callable[..., list[Request]]) -> None:
    asked = outcomes((LOG_HALF, 2 * LOG_HALF), (2 * LOG_HALF, LOG_HALF))
    plan = plan_of("pope", sample("7", "yes"), sample("5", "yes"))
    found = ask_choices(engine, plan, tmp_path, "digest")
    assert [request.sample_id for request in asked] == ["7", "5"]
    assert [(one.sample, one.chosen, one.right) for one in found.answers] == [("7", "yes", "yes"), ("5", "no", "yes")]
    assert found.answers[0].probabilities == pytest.approx({"yes": 0.5, "no": 0.25})
    assert found.tokens == {"yes": {1: "Yes", 2: "yes"}, "no": {3: "no"}}
    assert words_of_tokens(found.tokens) == "yes: Yes (1), yes (2); no: no (3)"
    assert read_answers(tmp_path, "pope") == found == known_answers(tmp_path, "pope", "digest")
    assert known_answers(tmp_path, "pope", "of another model") is None
    assert known_answers(tmp_path, "gqa", "digest") is None


def test_a_question_that_failed_is_named_and_asked_again(
    tmp_path: Path, outcomes: Callable[..., list[Request]]
) -> None:
    outcomes(Failure("unreadable image"), (LOG_HALF, 2 * LOG_HALF))
    found = ask_choices(engine, plan_of("pope", sample("1", "yes"), sample("2", "no")), tmp_path, "digest")
    assert found.failed == {"1": "unreadable image"}
    assert [one.sample for one in found.answers] == ["2"]
    assert known_answers(tmp_path, "pope", "digest") is None


def test_a_letter_that_is_no_token_leaves_its_question_out(
    tmp_path: Path, outcomes: Callable[..., list[Request]]
) -> None:
    outcomes((LOG_HALF, LOG_HALF, 0.0))
    two, three = sample("1", "A", options=("x", "y")), sample("2", "A", options=("x", "y", "z"))
    found = ask_choices(engine, plan_of("seed_image", two, three), tmp_path, "digest")
    assert [one.sample for one in found.answers] == ["1"]
    assert found.left_out == {LeftOut.NOT_IN_VOCABULARY.value: 1}


def test_without_choices_nothing_is_loaded(tmp_path: Path) -> None:
    def fail() -> Engine:
        raise AssertionError("loaded")

    found = ask_choices(fail, plan_of("gqa", sample("1", "red")), tmp_path, "digest")
    assert found.answers == ()
    assert found.left_out == {LeftOut.NO_CHOICES.value: 1}
    assert not list(tmp_path.iterdir())
