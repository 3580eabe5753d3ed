"""`samples/<task>.jsonl` of a run folder: each sample's score and parsed answer, in the benchmark's order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from emma_eval.errors import UserError
from emma_eval.results.responses import Fields, require_fields
from emma_eval.results.sample_statistics import HOW_TO_REWRITE
from emma_eval.types import SampleScore, SampleStatus
from emma_eval.utils.files import read_bytes, write_atomic
from emma_eval.utils.gc_utils import gc_paused
from emma_eval.utils.text import MAX_EXACT

FOLDER = "samples"
RENAMED = {"value": "score", "read_as": "parsed_answer"}  # keys of sample scores written by earlier versions
SAMPLE_FIELDS: Fields = {"id": str, "score": int | float, "parsed_answer": str, "status": str, "cluster": str}
STATUSES = get_args(SampleStatus)


class _ScoreLine(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A line by a schema, as in `responses`."""

    id: str
    score: float
    parsed_answer: str
    status: SampleStatus
    cluster: str


_DECODER = msgspec.json.Decoder(_ScoreLine)


def write_sample_scores(run: Path, task: str, samples: Sequence[SampleScore]) -> None:
    """Write the file of a task into its run folder."""
    (run / FOLDER).mkdir(exist_ok=True)
    encode = json.JSONEncoder(ensure_ascii=False).encode
    lines = [encode({name: getattr(sample, name) for name in SAMPLE_FIELDS}) + "\n" for sample in samples]
    write_atomic(run / FOLDER / f"{task}.jsonl", "".join(lines))


def read_sample_scores(run: Path, task: str) -> list[SampleScore]:
    """The scores of a task's samples, in the benchmark's order. Raises UserError, naming the line, for damage."""
    path = run / FOLDER / f"{task}.jsonl"
    if not path.exists():
        raise UserError(f"{path} is missing; {HOW_TO_REWRITE}")
    scores = []
    with gc_paused():
        for number, line in enumerate(read_bytes(path).splitlines(), 1):
            try:
                scores.append(parse_line(line))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise UserError(
                    f"{path}, line {number} cannot be read ({type(error).__name__}: {error}); {HOW_TO_REWRITE}"
                ) from None
    return scores


def parse_line(line: bytes) -> SampleScore:
    """The score of a line. Raises KeyError, TypeError, ValueError or RecursionError for anything else."""
    try:
        row = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeError):
        return score_of(json.loads(line))
    if not abs(row.score) < MAX_EXACT:
        raise ValueError(f"score is {row.score}")
    return SampleScore(row.id, row.score, row.parsed_answer, row.status, row.cluster)


def score_of(record: Any) -> SampleScore:
    """The score of a JSON object. Raises KeyError, TypeError or ValueError for anything else."""
    if not isinstance(record, dict):
        raise TypeError("a JSON object is expected")
    record = {RENAMED.get(key, key): value for key, value in record.items()}
    require_fields(record, SAMPLE_FIELDS)
    if record["status"] not in STATUSES:
        raise ValueError(f"status is {record['status']!r}")
    return SampleScore(**record)
