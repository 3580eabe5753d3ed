"""Which key of an answer file holds the answers: one for the whole file, never one of several that might.

A reference answer or the question often stands beside the answer: `answer` is the reference in VLMEvalKit's sheets and
LLaVA's upload, `text` the question in POPE's rows. So `answer` counts only where nothing else is an answer, and `text`
only where it does not repeat the questions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.predictions.evidence import plain
from emma_eval.predictions.rows import ID_KEYS, AnswerRow, listed

# Keys that only an answer is called by. The names are those of VLMEvalKit, GQA and SEED-Bench (prediction),
# HallusionBench, AMBER and MathVista, LLaVA's ScienceQA output, captions, MathVista's extract_answer.py, lmms-eval.
MADE_KEYS = (
    "prediction", "model_prediction", "response", "pred", "caption", "extraction", "filtered_resps", "resps",
)  # fmt: skip
TEXT, REFERENCE = "text", "answer"
ANSWER_KEYS = (*MADE_KEYS, TEXT, REFERENCE)
# Where two stand in one file, which one an official format means.
_BEFORE = {("filtered_resps", "resps"): "filtered_resps"}
_MATHVISTA = ("response", "extraction")
# What may stand beside an `answer` that is an answer; anything else, and it may be the benchmark's own file.
_COMPANIONS = frozenset(ID_KEYS) | {
    REFERENCE, TEXT, "question", "prompt", "category", "task", "round", "pass_index", "round_id", "model_id",
    "answer_id", "metadata", "label", "question_type", "answer_type", "error", "instruction", "tokens", "seconds",
}  # fmt: skip


def find_answer_key(
    path: Path,
    rows: Sequence[AnswerRow],
    questions: Set[str],
    chosen: str | None = None,
    extracted: bool = False,
) -> str:
    """The key that holds the file's answers; `chosen` by the user, or the one that can be nothing else.

    `questions`: the samples', as `plain` texts, told apart from answers under `text`. `extracted`: whether MathVista's
    extractions are scored. Raises UserError, naming `--answer-key`, where there is none, or more than one.
    """
    keys = dict.fromkeys(key for row in rows for key in row.cells)  # in the file's order
    if chosen is not None:
        if chosen not in keys:
            raise UserError(f"{path}: --answer-key {chosen!r:.80}: no row has that key; they have {listed(keys)}")
        return chosen
    found = _candidates(rows, keys, questions, extracted)
    if not found:
        raise UserError(
            f"{path}, {rows[0].place}: no answer; one of the keys {', '.join(ANSWER_KEYS)} is expected, the row has "
            f"{listed(keys)}; --answer-key KEY names another"
        )
    if len(found) > 1:
        raise UserError(
            f"{path}, {rows[0].place}: the keys {' and '.join(found)} may both hold the answers; "
            "say which with --answer-key KEY"
        )
    strange = [key for key in keys if key not in _COMPANIONS]
    if found == [REFERENCE] and strange:
        raise UserError(
            f"{path}, {rows[0].place}: {REFERENCE!r} beside {strange[0]!r:.80} may be the reference answer and "
            f"not a model's; if it is the model's, say so with --answer-key {REFERENCE}"
        )
    return found[0]


def _candidates(rows: Sequence[AnswerRow], keys: Collection[str], questions: Set[str], extracted: bool) -> list[str]:
    made = [key for key in MADE_KEYS if key in keys]
    if all(key in made for key in _MATHVISTA):  # the rest of such a file is made from these two
        made = [_MATHVISTA[extracted]]
    for pair, meant in _BEFORE.items():
        if all(key in made for key in pair):
            made = [key for key in made if key not in pair or key == meant]
    if TEXT in keys and not repeats_questions(rows, questions):
        made.append(TEXT)
        if made == [TEXT] and REFERENCE in keys:
            made.append(REFERENCE)
    return made or [key for key in (REFERENCE,) if key in keys]


def repeats_questions(rows: Sequence[AnswerRow], questions: Set[str]) -> bool:
    """Whether `text` holds one of the (plain) questions in every row, alone or as a line of a prompt."""

    def asks(text: str) -> bool:
        return text in questions or not questions.isdisjoint(text.split("\n"))

    return bool(rows) and all(asks(plain(row.text(TEXT))) for row in rows)
