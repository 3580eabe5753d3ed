"""The samples whose answer a variant changed, as rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from emma_eval.robustness.meaning import AskedTask
from emma_eval.robustness.variants import ORIGINAL
from emma_eval.types import Sample
from emma_eval.utils.table_io import to_csv

COLUMNS = (
    "task", "variant", "id", "category", "question", "right_answer", "answer", "score", "changed_question",
    "changed_right_answer", "changed_answer", "changed_score", "same_meaning",
)  # fmt: skip


def changed_answers_csv(asked: Mapping[str, Mapping[str, AskedTask]]) -> str:
    """A row a variant and sample whose answer has another meaning or score than the original's.

    `asked` is task -> run -> its samples and scores.
    """
    return to_csv((row for task, runs in asked.items() for row in _rows(task, runs)), COLUMNS)


def _rows(task: str, runs: Mapping[str, AskedTask]) -> Iterator[dict[str, Any]]:
    original = runs[ORIGINAL]
    samples = {sample.id: sample for sample in original.samples}
    scores = {score.id: score.score for score in original.scores}
    meanings = original.meanings()
    for name, one in runs.items():
        if name == ORIGINAL:
            continue
        own_meanings = one.meanings()
        for sample, score in zip(one.samples, one.scores, strict=True):
            key = sample.id
            same = meanings[key] is not None and meanings[key] == own_meanings[key]
            if not same or score.score != scores[key]:
                before = _cells(samples[key], original.texts.get(key, ""), scores[key])
                after = _cells(sample, one.texts.get(key, ""), score.score)
                yield {
                    "task": task,
                    "variant": name,
                    "id": key,
                    "category": sample.category,
                    "same_meaning": "yes" if same else "no",
                    **before,
                    **{f"changed_{column}": cell for column, cell in after.items()},
                }


def _cells(sample: Sample, answer: str, score: float) -> dict[str, Any]:
    lines = [
        sample.question,
        *(f"{letter}. {text}" for letter, text in zip("ABCDEFGHIJ", sample.options, strict=False)),
    ]
    right = " | ".join(dict.fromkeys(sample.references))
    return {"question": "\n".join(lines), "right_answer": right, "answer": answer, "score": score}
