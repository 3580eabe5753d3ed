"""MM-Vet, as its mm-vet_evaluator.py asks GPT-4 and counts its scores.

The judge is asked for a number from 0 to 1 with at most three tokens. A reply that begins with none is followed by the
same prompt with a line more, at a rising temperature; after five replies the score is 0. The paper averages five runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.judges.task_judge import Attempt, JudgedTask, JudgeRequest, Replies, TaskJudge
from emma_eval.scorers.arithmetic import mean, mean_percent
from emma_eval.scorers.common import image_of
from emma_eval.types import Metric, Ratio, Sample, SampleScore, Scores
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.text import pluralize

# From yuweihao/MM-Vet at 7d717c2, Apache-2.0: the `prompt` of mm-vet_evaluator.py.
INTRODUCTION = """\
Compare the ground truth and prediction from AI models, to give a correctness score for the prediction. <AND> \
in the ground truth means it is totally right only when all elements in the ground truth are present in the \
prediction, and <OR> means it is totally right when any one element in the ground truth is present in the \
prediction. The correctness score is 0.0 (totally wrong), 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, or 1.0 \
(totally right). Just complete the last space of the correctness score.

Question | Ground truth | Prediction | Correctness
--- | --- | --- | ---
What is x in the equation? | -1 <AND> -5 | x = 3 | 0.0
What is x in the equation? | -1 <AND> -5 | x = -1 | 0.5
What is x in the equation? | -1 <AND> -5 | x = -5 | 0.5
What is x in the equation? | -1 <AND> -5 | x = -5 or 5 | 0.5
What is x in the equation? | -1 <AND> -5 | x = -1 or x = -5 | 1.0
Can you explain this meme? | This meme is poking fun at the fact that the names of the countries Iceland and \
Greenland are misleading. Despite its name, Iceland is known for its beautiful green landscapes, while \
Greenland is mostly covered in ice and snow. The meme is saying that the person has trust issues because the \
names of these countries do not accurately represent their landscapes. | The meme talks about Iceland and \
Greenland. It's pointing out that despite their names, Iceland is not very icy and Greenland isn't very green. \
| 0.4
Can you explain this meme? | This meme is poking fun at the fact that the names of the countries Iceland and \
Greenland are misleading. Despite its name, Iceland is known for its beautiful green landscapes, while \
Greenland is mostly covered in ice and snow. The meme is saying that the person has trust issues because the \
names of these countries do not accurately represent their landscapes. | The meme is using humor to point out \
the misleading nature of Iceland's and Greenland's names. Iceland, despite its name, has lush green landscapes \
while Greenland is mostly covered in ice and snow. The text 'This is why I have trust issues' is a playful way \
to suggest that these contradictions can lead to distrust or confusion. The humor in this meme is derived from \
the unexpected contrast between the names of the countries and their actual physical characteristics. | 1.0
"""
AGAIN = "\nPredict the correctness of the answer (digit): "
MAX_TOKENS = 3
TEMPERATURES = (0.0, 0.0, 0.5, 1.0, 1.5)  # of the five attempts
PREFIX = "v1_"  # of the official ids; LLaVA's question file leaves it out


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what the judge compares answers with."""

    text: str
    reference: str
    capabilities: frozenset[str]


def read_questions(path: Path) -> dict[str, Question]:
    """The official `mm-vet.json`, id -> question. Raises UserError naming the entry that is none."""
    questions = {}
    for key, entry in read_json_object(path, "question id").items():
        capabilities: Any = entry.get("capability") if isinstance(entry, dict) else None
        texts: list[Any] = [entry.get(name) for name in ("question", "answer")] if isinstance(entry, dict) else []
        if not (
            isinstance(capabilities, list)
            and capabilities
            and all(isinstance(text, str) for text in (*texts, *capabilities))
        ):
            raise UserError(f"{path}, {key}: question, answer and a list of capabilities are expected")
        questions[key] = Question(texts[0], texts[1], frozenset(capabilities))
    return questions


def judge_prompt(question: Question, answer: str, *, again: bool = False) -> str:
    """What the judge is asked; `again` after a reply that is no score."""
    reference = question.reference.replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
    return f"{INTRODUCTION}\n{' | '.join([question.text, reference, answer, ''])}{AGAIN if again else ''}"


def parse_score(reply: str) -> float | None:
    """The score that a reply begins with, 0 to 1; None if it begins with none.

    The official evaluator accepts `nan`, which turns its means into nan; here it is no score.
    """
    try:
        score = float(reply.split(" ", maxsplit=1)[0].strip())
    except ValueError:
        return None
    return score if math.isfinite(score) and 0.0 <= score <= 1.0 else None


def requests(task: JudgedTask, _: Replies) -> list[JudgeRequest]:
    """One number for each answer."""
    questions = _questions(task)
    return [
        JudgeRequest(
            (sample.id, 0),
            tuple(
                Attempt(
                    judge_prompt(questions[sample.id], task.text(sample), again=number > 0),
                    temperature=temperature,
                    max_tokens=MAX_TOKENS,
                )
                for number, temperature in enumerate(TEMPERATURES)
            ),
            lambda reply: parse_score(reply) is not None,
        )
        for sample in task.samples
    ]


def scores(task: JudgedTask, replies: Replies) -> Scores:
    """Means over questions in points of 100: in total, of each capability and of each set of them, the largest first.

    With several verdicts on each answer a value is the mean over the runs, and `std` the standard deviation of the
    runs' totals, as numpy computes it.
    """
    questions = _questions(task)
    runs = [
        [parse_score(reply) or 0.0 for reply in column]
        for column in zip(*(replies[sample.id, 0] for sample in task.samples), strict=True)
    ]
    capabilities = [questions[sample.id].capabilities for sample in task.samples]
    metrics = [_metric(runs, *group) for group in _groups(capabilities)]
    notes = []
    if len(runs) > 1:
        totals = [mean_percent(run) for run in runs]
        metrics.insert(1, Metric("std", _std(totals), len(runs), "points", higher_is_better=None))
        notes.append(f"mean of {pluralize(len(runs), 'run')}: {', '.join(f'{total:.1f}' for total in totals)}")
    of_samples = list(zip(*runs, strict=True))
    samples = (
        SampleScore(sample.id, mean(values), " ".join(f"{value:g}" for value in values), cluster=image_of(sample))
        for sample, values in zip(task.samples, of_samples, strict=True)
    )
    return Scores(tuple(metrics), tuple(samples), tuple(notes), cluster_unit="image")


def _questions(task: JudgedTask) -> Mapping[str, Question]:
    """The question of each sample, by the sample's id. Raises UserError for one that the file lacks."""
    path = task.files["questions"]
    questions = read_questions(path)

    def question(sample: Sample) -> Question:
        key = PREFIX + sample.id.removeprefix(PREFIX)
        if key not in questions:
            raise UserError(f"{path} has no question {key}: it is of another release")
        return questions[key]

    return {sample.id: question(sample) for sample in task.samples}


Group = tuple[str, str, Sequence[int]]  # group, category, indices of samples


def _groups(capabilities: Sequence[frozenset[str]]) -> Iterator[Group]:
    """All samples, those of each capability, those of each set of capabilities."""
    yield "", "", range(len(capabilities))
    sets = set(capabilities)
    groups = [
        *(
            ("capability", one, [i for i, of in enumerate(capabilities) if one in of])
            for one in frozenset().union(*sets)
        ),
        *(
            ("integration", "_".join(sorted(one)), [i for i, of in enumerate(capabilities) if of == one])
            for one in sets
        ),
    ]
    yield from sorted(groups, key=lambda group: (group[0], -len(group[2]), group[1]))


def _metric(runs: Sequence[Sequence[float]], group: str, category: str, indices: Sequence[int]) -> Metric:
    value = mean([mean_percent([run[index] for index in indices]) for run in runs])
    ratio = Ratio([mean([run[index] for run in runs]) for index in indices], sample_indices=indices if group else None)
    return Metric("score", value, len(indices), "points", group, category, ratios=(ratio,), scale=100.0)


def _std(values: Sequence[float]) -> float:
    import numpy as np

    return float(np.array(values).std())


JUDGE = TaskJudge(
    source="mm-vet_evaluator.py of yuweihao/MM-Vet at 7d717c2",
    judge="gpt-4-0613",
    prompt=f"{INTRODUCTION}{AGAIN}\ntemperatures {TEMPERATURES}, at most {MAX_TOKENS} tokens",
    requests=requests,
    scores=scores,
    takes_repeats=True,
)
