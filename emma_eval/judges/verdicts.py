"""Verdicts of one judge on record: one JSON object a line, appended as they come, asked once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from emma_eval.errors import SampleError, UserError
from emma_eval.judges.mmvet import MAX_TOKENS, TEMPERATURES, JudgedQuestion, judge_prompt, parse_score
from emma_eval.servers.asking import ask_all
from emma_eval.servers.client import ServerClient
from emma_eval.servers.replies import ChatReply
from emma_eval.utils.files import open_output, read_text


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of one answer."""

    id: str
    prompt: str  # SHA-256 of what the judge was asked first, which holds question, reference and answer
    score: float
    replies: tuple[str, ...]  # as they came; the last one is the score, unless there is none in any
    judge: str  # as the server names it
    prompt_tokens: int
    new_tokens: int


def prompt_digest(question: JudgedQuestion, answer: str) -> str:
    """By which a verdict is found again."""
    return hashlib.sha256(judge_prompt(question, answer).encode()).hexdigest()


def read_verdicts(path: Path) -> dict[tuple[str, str], Verdict]:
    """The verdicts of a file, (id, prompt) -> verdict; none without a file. A last line that is cut is left out.

    Raises UserError naming the line of any other damage.
    """
    lines = read_text(path).split("\n") if path.exists() else []
    verdicts = {}
    for number, line in enumerate(lines[:-1], 1):
        try:
            record = json.loads(line)
            verdict = Verdict(**{field.name: record[field.name] for field in fields(Verdict)})
            verdicts[str(verdict.id), str(verdict.prompt)] = verdict
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path}, line {number} is damaged; delete it, and its answer is judged again") from error
    return verdicts


@dataclass(frozen=True, slots=True)
class Judge:
    """A model behind a server that gives verdicts."""

    client: ServerClient
    fields: Mapping[str, Any]  # of every chat request: `model`, and whatever else is always sent
    max_tokens_field: str | None = "max_tokens"
    sends_temperature: bool = True

    async def verdict(self, question: JudgedQuestion, answer: str) -> Verdict:
        """Ask until a reply begins with a score, five times at most. Raises as `ServerClient.chat` does."""
        replies: list[ChatReply] = []
        score: float | None = None
        for attempt, temperature in enumerate(TEMPERATURES):
            message = {"role": "user", "content": judge_prompt(question, answer, again=attempt > 0)}
            body = {**self.fields, "messages": [message]}
            body |= {self.max_tokens_field: MAX_TOKENS} if self.max_tokens_field else {}
            body |= {"temperature": temperature} if self.sends_temperature else {}
            replies.append(await self.client.chat(body))
            if (score := parse_score(replies[-1].text or "")) is not None:
                break
        return Verdict(
            id=question.id,
            prompt=prompt_digest(question, answer),
            score=0.0 if score is None else score,
            replies=tuple(reply.text or "" for reply in replies),
            judge=replies[-1].model,
            prompt_tokens=sum(reply.prompt_tokens or 0 for reply in replies),
            new_tokens=sum(reply.completion_tokens or 0 for reply in replies),
        )


def judge_answers(
    judge: Judge, pairs: Sequence[tuple[JudgedQuestion, str]], path: Path, report: Callable[[int], None]
) -> tuple[dict[str, Verdict], dict[str, str]]:
    """(verdicts, reasons why others are missing), by question id. What `path` holds is not asked again.

    `pairs` are questions with answers. `report` is called with the number of verdicts, whenever there is one more.
    Raises UserError as `ServerClient.chat` does; verdicts until then are on record.
    """
    known = read_verdicts(path)
    wanted = [(question.id, prompt_digest(question, answer)) for question, answer in pairs]
    verdicts = {key[0]: known[key] for key in wanted if key in known}
    missing = [pair for pair in pairs if pair[0].id not in verdicts]
    failures: dict[str, str] = {}
    if not missing:
        return verdicts, failures

    async def ask(_: ServerClient, pair: tuple[JudgedQuestion, str]) -> Verdict:
        return await judge.verdict(*pair)

    path.parent.mkdir(parents=True, exist_ok=True)
    _drop_cut_line(path)
    with open_output(path, "ab", buffering=0) as file, closing(ask_all(judge.client, missing, ask)) as outcomes:
        for index, outcome in outcomes:
            key = missing[index][0].id
            if isinstance(outcome, SampleError):
                failures[key] = str(outcome)
                continue
            file.write(json.dumps(asdict(outcome), ensure_ascii=False).encode() + b"\n")
            verdicts[key] = outcome
            report(len(verdicts))
    return verdicts, failures


def _drop_cut_line(path: Path) -> None:
    """Cut off a last line without an end: it was being written when the process was killed."""
    data = path.read_bytes() if path.exists() else b""
    if data and not data.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)
