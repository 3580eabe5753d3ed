"""Any content of a record of verdicts, of an official file, and any reply of a judge: read, or refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.errors import UserError
from emma_eval.judges import hallusionbench, llava_bench, mathvista, mmbench, mmvet
from emma_eval.judges.task_judge import JudgedTask, TaskJudge
from emma_eval.judges.verdicts import FIELDS, Verdict, read_verdicts, to_record
from emma_eval.types import Answer, Sample
from tests.fuzzing import JSON_VALUES, as_json, fuzz_settings, run_fuzz

SOUND = to_record(Verdict("1", 0, 0, "a", "j", "m", ("0.5",), 3, 1, None))
ENTRY = {
    "question": "?", "answer": "!", "capability": ["ocr"], "image": "1", "caption": "c", "question_id": "1",
    "text": "t", "category": "VS", "subcategory": "s", "set_id": "0", "figure_id": "0", "visual_input": "0",
    "gt_answer_details": "d",
}  # fmt: skip
TESTS = 9  # of this target
FILES = ("questions", "context", "reference")
META = {
    "image": "1", "subcategory": "s", "set_id": "0", "figure_id": "0", "question_id": "0", "l2_category": "l",
    "question_type": "free_form", "answer_type": "integer", "precision": None,
}  # fmt: skip


def altered(sound: dict[str, Any]) -> st.SearchStrategy[str]:
    keys = st.sampled_from(list(sound)) | st.text(max_size=5)
    return st.builds(lambda changes: as_json(sound | changes), st.dictionaries(keys, JSON_VALUES, max_size=3))


def refused_in_one_line(call: Callable[[], Any]) -> None:
    try:
        call()
    except UserError as error:
        assert "\n" not in str(error)


def test_records_of_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"

    @fuzz_settings
    @given(st.lists(altered(SOUND) | JSON_VALUES.map(as_json), max_size=4), st.integers(0, 30))
    def fuzz(lines: list[str], cut: int) -> None:
        content = "".join(line + "\n" for line in lines).encode()
        path.write_bytes(content[: len(content) - cut])
        refused_in_one_line(lambda: read_verdicts(path, "j"))

    run_fuzz(fuzz, TESTS)
    assert set(FIELDS) == set(SOUND)


@pytest.mark.parametrize(
    ("judge", "category", "wrap"),
    [
        (mmvet.JUDGE, "c", lambda text: f'{{"v1_1": {text}}}'),
        (llava_bench.JUDGE, "conv", lambda text: text),
        (hallusionbench.JUDGE, "VS", lambda text: f"[{text}]"),
    ],
)
def test_official_files(judge: TaskJudge, category: str, wrap: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "official.jsonl"
    key = "VS_s_0_0_0" if judge is hallusionbench.JUDGE else "1"
    sample = Sample(key, "?", references=("yes",), category=category, meta=META)
    task = JudgedTask("t", [sample], {(key, 0): Answer("x")}, dict.fromkeys(FILES, path))

    @fuzz_settings
    @given(altered(ENTRY) | JSON_VALUES.map(as_json))
    def fuzz(entry: str) -> None:
        path.write_text(wrap(entry), encoding="utf-8", errors="surrogatepass")
        refused_in_one_line(lambda: judge.requests(task, {}))

    run_fuzz(fuzz, TESTS)


@pytest.mark.parametrize(
    "judge", [mmvet.JUDGE, llava_bench.JUDGE, hallusionbench.JUDGE, mathvista.JUDGE, mmbench.JUDGE]
)
def test_any_reply_gives_a_score_or_none(judge: TaskJudge, tmp_path: Path) -> None:
    path = tmp_path / "official.jsonl"
    changes = {"question_id": "1", "category": "conv"} if judge is llava_bench.JUDGE else {"question_id": "0"}
    entry = json.dumps(ENTRY | changes)
    path.write_text({mmvet.JUDGE: f'{{"v1_1": {entry}}}', hallusionbench.JUDGE: f"[{entry}]"}.get(judge, entry))
    key = "VS_s_0_0_0" if judge is hallusionbench.JUDGE else "1"
    category = {hallusionbench.JUDGE: "VS", llava_bench.JUDGE: "conv"}.get(judge, "c")
    reference = {hallusionbench.JUDGE: "yes", mmbench.JUDGE: "A"}.get(judge, "1")
    options = ("red",) if judge is mmbench.JUDGE else ()
    sample = Sample(key, "?", references=(reference,), options=options, category=category, meta=META)
    task = JudgedTask("t", [sample], {(key, 0): Answer("some text")}, dict.fromkeys(FILES, path))
    (request,) = judge.requests(task, {})

    @fuzz_settings
    @given(st.text() | st.sampled_from(["8 9", "1e999 1", "-0 0", "0.5", "1_0", "correct", "A", "٣", "1" * 5000]))
    def fuzz(reply: str) -> None:
        assert request.is_understood(reply) in {True, False}
        refused_in_one_line(lambda: _check(judge, task, {request.key: [reply]}))

    run_fuzz(fuzz, TESTS)


def _check(judge: TaskJudge, task: JudgedTask, replies: dict[tuple[str, int], list[str]]) -> None:
    (sample,) = judge.scores(task, replies).samples
    assert 0.0 <= sample.score <= 1.0
