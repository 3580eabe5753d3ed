"""Find the key that holds the answers of a file: one for the whole file, and an error where several might.

Rows often hold the reference or the question too: `answer` is the reference in VLMEvalKit's sheets and LLaVA's upload,
`text` the question in POPE's rows. So `answer` counts only where no other key holds answers, and `text` only where it
does not repeat the questions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.predictions.answer_row import ID_KEYS, AnswerRow, format_keys
from emma_eval.predictions.row_question import comparable

# Keys that always hold a model's answer: those of VLMEvalKit, GQA and SEED-Bench (prediction), HallusionBench, AMBER
# and MathVista, LLaVA's ScienceQA output, captions, MathVista's extract_answer.py, lmms-eval.
MODEL_ANSWER_KEYS = (
    "prediction", "model_prediction", "response", "pred", "caption", "extraction", "filtered_resps", "resps",
)  # fmt: skip
TEXT, REFERENCE = "text", "answer"
ANSWER_KEYS = (*MODEL_ANSWER_KEYS, TEXT, REFERENCE)
# Of two keys in one file, the one that the format's tools score.
_PREFERRED = {("filtered_resps", "resps"): "filtered_resps"}
_MATHVISTA = ("response", "extraction")
# Keys that may stand beside `answer` in a file of answers; with any other key it may be the benchmark's own file.
_COMPANIONS = frozenset(ID_KEYS) | {
    REFERENCE, TEXT, "question", "prompt", "category", "task", "round", "pass_index", "round_id", "model_id",
    "answer_id", "metadata", "label", "question_type", "answer_type", "error", "instruction", "tokens", "seconds",
}  # fmt: skip


def find_answer_key(
    path: Path,
    rows: Sequence[AnswerRow],
    questions: Set[str],
    requested: str | None = None,
    extracted: bool = False,
) -> str:
    """The key that holds the file's answers: the `requested` one, or the only one that can.

    `questions` are the samples', as `comparable` texts, to recognise a `text` that repeats them. `extracted`: whether
    MathVista's extractions are scored. Raises UserError, naming `--answer-key`, if no key can or several can.
    """
    keys = dict.fromkeys(key for row in rows for key in row.cells)  # in the file's order
    if requested is not None:
        if requested not in keys:
            raise UserError(
                f"{path}: --answer-key {requested!r:.80}: no row has that key; they have {format_keys(keys)}"
            )
        return requested
    found = _candidates(rows, keys, questions, extracted)
    if not found:
        raise UserError(
            f"{path}, {rows[0].location}: no answer; one of the keys {', '.join(ANSWER_KEYS)} is expected, the row has "
            f"{format_keys(keys)}; --answer-key KEY names another"
        )
    if len(found) > 1:
        raise UserError(
            f"{path}, {rows[0].location}: the keys {' and '.join(found)} may both hold the answers; "
            "say which with --answer-key KEY"
        )
    foreign = [key for key in keys if key not in _COMPANIONS]
    if found == [REFERENCE] and foreign:
        raise UserError(
            f"{path}, {rows[0].location}: {REFERENCE!r} beside {foreign[0]!r:.80} may be the reference answer and "
            f"not a model's; if it is the model's, say so with --answer-key {REFERENCE}"
        )
    return found[0]


def _candidates(rows: Sequence[AnswerRow], keys: Collection[str], questions: Set[str], extracted: bool) -> list[str]:
    found = [key for key in MODEL_ANSWER_KEYS if key in keys]
    if all(key in found for key in _MATHVISTA):  # the official tools derive the file's other keys from these two
        found = [_MATHVISTA[extracted]]
    for pair, preferred in _PREFERRED.items():
        if all(key in found for key in pair):
            found = [key for key in found if key not in pair or key == preferred]
    if TEXT in keys and not repeats_questions(rows, questions):
        found.append(TEXT)
        if found == [TEXT] and REFERENCE in keys:
            found.append(REFERENCE)
    return found or [key for key in (REFERENCE,) if key in keys]


def repeats_questions(rows: Sequence[AnswerRow], questions: Set[str]) -> bool:
    """Whether `text` is one of the (comparable) questions in every row, or has one as a line."""

    def asks(text: str) -> bool:
        return text in questions or not questions.isdisjoint(text.split("\n"))

    return bool(rows) and all(asks(comparable(row.text(TEXT))) for row in rows)
