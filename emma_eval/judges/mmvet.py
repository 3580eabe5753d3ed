"""MM-Vet by a judge, as its mm-vet_evaluator.py (yuweihao/MM-Vet at 7d717c2) asks one and counts its scores.

The evaluator asks for a number from 0 to 1 with at most three tokens. A reply that begins with none is followed by the
same prompt with a line more, at a rising temperature; after five replies the score is 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.utils.json_io import read_json_object

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
class JudgedQuestion:
    """A question with what the judge compares answers with."""

    id: str  # with its prefix
    text: str
    reference: str
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class JudgedScore:
    """A mean over questions, in percent, unrounded."""

    group: str  # empty, `capability` or `integration`, of several capabilities
    name: str
    value: float
    n: int


def official_id(sample_id: str) -> str:
    """The id with its prefix."""
    return PREFIX + sample_id.removeprefix(PREFIX)


def read_questions(path: Path) -> dict[str, JudgedQuestion]:
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
        questions[key] = JudgedQuestion(key, texts[0], texts[1], frozenset(capabilities))
    if not questions:
        raise UserError(f"{path}: there are no questions in it")
    return questions


def judge_prompt(question: JudgedQuestion, answer: str, *, again: bool = False) -> str:
    """What the judge is asked; `again` after a reply that is no score."""
    reference = question.reference.replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
    return f"{INTRODUCTION}\n{' | '.join([question.text, reference, answer, ''])}{AGAIN if again else ''}"


def parse_score(reply: str) -> float | None:
    """The score that a reply begins with, 0 to 1; None if it begins with none.

    The evaluator takes `nan`, too, which makes its every mean nan; here it is no score.
    """
    try:
        score = float(reply.split(" ", maxsplit=1)[0].strip())
    except ValueError:
        return None
    return score if math.isfinite(score) and 0.0 <= score <= 1.0 else None


def mean_scores(questions: Mapping[str, JudgedQuestion], scores: Mapping[str, float]) -> list[JudgedScore]:
    """The total, and the means of each capability and of each set of capabilities, the largest first."""
    every = list(questions.values())
    sets = {question.capabilities for question in every}
    groups: list[tuple[str, str, Sequence[JudgedQuestion]]] = [("", "total", every)]
    groups += [("capability", one, [q for q in every if one in q.capabilities]) for one in frozenset().union(*sets)]
    groups += [("integration", "_".join(sorted(one)), [q for q in every if q.capabilities == one]) for one in sets]
    groups.sort(key=lambda group: (("", "capability", "integration").index(group[0]), -len(group[2]), group[1]))
    return [
        JudgedScore(group, name, sum(scores[q.id] for q in members) / len(members) * 100, len(members))
        for group, name, members in groups
    ]
