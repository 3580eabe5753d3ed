"""The probability that a model gives to each choice of a question, as the first token of its answer; kept in a file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase

from pydantic import Field

from emma_eval.inference.choices import choice_log_probs, choice_tokens
from emma_eval.inference.engine import Engine
from emma_eval.prompts.building import shown_choices
from emma_eval.robustness.left_out import LeftOut
from emma_eval.robustness.meaning import NO, YES, is_yes_or_no
from emma_eval.robustness.position_bias import right_letters
from emma_eval.runs.plan import TaskPlan
from emma_eval.tasks.config import TaskConfig
from emma_eval.types import Failure, InferenceStats, Sample
from emma_eval.utils.files import make_output_folder, write_atomic
from emma_eval.utils.progress_bars import track
from emma_eval.utils.records import Record, read_record, to_compact_json

FOLDER = "calibration"
SPELLINGS = {YES: ("yes", "Yes", "YES"), NO: ("no", "No", "NO")} | {one: (one,) for one in ascii_uppercase}


class ChoiceAnswer(Record):
    """A question with choices."""

    sample: str
    right: str = Field(description="the right choice")
    probabilities: dict[str, float] = Field(
        description="choice -> its, as first token among all tokens; 1 at most in all"
    )

    @property
    def mass(self) -> float:
        """The probability that the answer begins with any of the choices."""
        return math.fsum(self.probabilities.values())

    @property
    def chosen(self) -> str:
        """The choice with the largest probability; of equal ones the first."""
        return max(self.probabilities, key=lambda one: self.probabilities[one])

    @property
    def confidence(self) -> float:
        """The probability of the chosen one among the choices. It is 1 / choices where none has any."""
        return self.probabilities[self.chosen] / self.mass if self.mass else 1 / len(self.probabilities)


class ChoiceAnswers(Record):
    """A task's file in the folder calibration/."""

    schema_version: int = 1
    asked: str = Field(description="SHA-256 of model, prompts and samples; other ones are asked anew")
    tokens: dict[str, dict[int, str]] = Field(description="choice -> the tokens that are counted as it: id -> text")
    answers: tuple[ChoiceAnswer, ...] = Field(description="in the task's order")
    failed: dict[str, str] = Field(description="sample -> why it has no probabilities")
    left_out: dict[str, int] = Field(description="reason -> samples that are not asked")


def answers_file(folder: Path, task: str) -> Path:
    """Where a task's probabilities are, in the folder of all runs."""
    return folder / FOLDER / f"{task}.json"


def read_answers(folder: Path, task: str) -> ChoiceAnswers:
    """The probabilities that are kept. Raises UserError for a file that is missing or damaged."""
    return read_record(answers_file(folder, task), ChoiceAnswers, "remove it, and the same command writes it anew")


def known_answers(folder: Path, task: str, asked: str) -> ChoiceAnswers | None:
    """Those of the same model, prompts and data; None if there are none, or a question failed.

    Raises UserError for a damaged file.
    """
    if not answers_file(folder, task).is_file():
        return None
    found = read_answers(folder, task)
    return found if found.asked == asked and not found.failed else None


def ask_choices(load: Callable[[], Engine], plan: TaskPlan, folder: Path, asked: str) -> ChoiceAnswers:
    """Ask a task's questions with choices, and write the file; without such a question nothing is loaded or written.

    `plan` has its requests; of a circular evaluation the first pass is asked. Raises NoProbabilitiesError for an engine
    that gives none.
    """
    chosen, left_out = _questions(plan)
    if not chosen:
        return ChoiceAnswers(asked=asked, tokens={}, answers=(), failed={}, left_out=dict(left_out))
    engine = load()
    names = [one for one in SPELLINGS if any(one in choices for choices, _ in chosen.values())]
    tokens = choice_tokens(engine, {name: SPELLINGS[name] for name in names})
    for key, (choices, _) in list(chosen.items()):
        if not all(tokens[choice] for choice in choices):
            del chosen[key]
            left_out[LeftOut.NOT_IN_VOCABULARY.value] += 1
    requests = [one for one in plan.requests if one.pass_index == 0 and one.sample_id in chosen]
    answers: dict[str, ChoiceAnswer] = {}
    failed: dict[str, str] = {}
    outcomes = choice_log_probs(engine, requests, [list(tokens[name]) for name in names], InferenceStats())
    for index, outcome in track(outcomes, len(requests), f"{plan.task.name}: probabilities"):
        key = requests[index].sample_id
        if isinstance(outcome, Failure):
            failed[key] = outcome.reason
            continue
        choices, right = chosen[key]
        of_name = dict(zip(names, map(math.exp, outcome), strict=True))
        answers[key] = ChoiceAnswer(sample=key, right=right, probabilities={one: of_name[one] for one in choices})
    found = ChoiceAnswers(
        asked=asked,
        tokens=tokens,
        answers=tuple(answers[sample.id] for sample in plan.samples if sample.id in answers),
        failed=failed,
        left_out=dict(left_out),
    )
    make_output_folder(folder / FOLDER)
    write_atomic(answers_file(folder, plan.task.name), to_compact_json(found))
    return found


def choices_of(task: TaskConfig, sample: Sample) -> tuple[Sequence[str], str] | LeftOut:
    """A question's choices and the right one, or why it has none that could be told by one token."""
    if not sample.options:
        right = {reference.casefold() for reference in sample.references}
        return ((YES, NO), right.pop()) if is_yes_or_no(sample) and len(right) == 1 else LeftOut.NO_CHOICES
    if "{letter}" not in task.prompt.option:
        return LeftOut.OPTIONS_IN_QUESTION
    letters, right_letter = tuple(next(iter(shown_choices(task, sample)))), right_letters(sample, task.circular)[0]
    return (letters, right_letter) if right_letter in letters else LeftOut.NO_LETTER


def _questions(plan: TaskPlan) -> tuple[dict[str, tuple[Sequence[str], str]], Counter[str]]:
    """Sample id -> its choices and the right one; and the others counted by reason."""
    chosen: dict[str, tuple[Sequence[str], str]] = {}
    left_out: Counter[str] = Counter()
    for sample in plan.samples:
        found = choices_of(plan.task, sample)
        if isinstance(found, LeftOut):
            left_out[found.value] += 1
        else:
            chosen[sample.id] = found
    return chosen, left_out


def words_of_tokens(tokens: Mapping[str, Mapping[int, str]]) -> str:
    """`yes: yes (375); no: no (365, 366)`: which tokens are counted as which choice."""
    parts = []
    for choice, of_choice in tokens.items():
        ids: dict[str, list[str]] = {}
        for index, text in of_choice.items():
            ids.setdefault(text.strip(), []).append(str(index))
        parts.append(f"{choice}: " + ", ".join(f"{text} ({', '.join(found)})" for text, found in ids.items()))
    return "; ".join(parts)
