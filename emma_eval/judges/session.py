"""A session of a judge: many requests at a time, each verdict recorded as it comes, none asked for twice."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emma_eval.errors import SampleError
from emma_eval.judges.task_judge import Attempt, JudgedTask, JudgeRequest, TaskJudge
from emma_eval.judges.verdicts import Verdict, read_verdicts, to_record
from emma_eval.results.line_log import LineLog
from emma_eval.servers.asking import ask_all
from emma_eval.servers.client import ServerClient
from emma_eval.servers.replies import ChatReply
from emma_eval.types import Key

Report = Callable[[int, int], None]
_PIECES = re.compile(r"([A-Za-z0-9]+)|\n+|\S")
LETTERS_PER_TOKEN = 6  # of English words, roughly


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeModel:
    """A model behind a server that judges, and what is sent with every request to it."""

    name: str
    host: str
    options: Mapping[str, str]  # those that verdicts depend on
    fields: Mapping[str, Any] = field(default_factory=dict)  # further ones of a chat request
    max_tokens_field: str | None = "max_tokens"  # None: not sent
    sends_temperature: bool = True

    def fingerprint(self, judge: TaskJudge) -> str:
        """SHA-256 over name, host, options, and what the benchmark's official tool asks."""
        facts = ["judge", self.name, self.host, sorted(self.options.items()), judge.prompt_digest]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def body(self, attempt: Attempt) -> dict[str, Any]:
        """The body of a chat request."""
        body: dict[str, Any] = {"model": self.name, **self.fields, "messages": attempt.messages}
        if self.max_tokens_field and attempt.max_tokens is not None:
            body[self.max_tokens_field] = attempt.max_tokens
        if self.sends_temperature and attempt.temperature is not None:
            body["temperature"] = attempt.temperature
        return body


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the requests that have no verdict yet will cost, if the first reply to each is understood."""

    calls: int
    prompt_tokens: int  # approximately
    known: int  # verdicts on record


def estimated_tokens(text: str) -> int:
    """Roughly how many tokens a text has: one for every few letters of a word, each mark and each line end."""
    return sum(-(-len(piece[1] or " ") // LETTERS_PER_TOKEN) for piece in _PIECES.finditer(text))


@dataclass(slots=True)
class CollectedVerdicts:
    """Everything that was asked about a run's answers, and the verdicts."""

    requests: dict[Key, JudgeRequest] = field(default_factory=dict)
    verdicts: dict[Key, list[Verdict]] = field(default_factory=dict)  # of requests with all repeats
    failures: dict[Key, str] = field(default_factory=dict)  # why others have none

    @property
    def replies(self) -> dict[Key, list[str]]:
        """The last reply to each request, for each repeat."""
        return {key: [verdict.replies[-1] for verdict in verdicts] for key, verdicts in self.verdicts.items()}

    @property
    def unparsed(self) -> list[Verdict]:
        """The verdicts without a reply that was understood."""
        return [
            verdict
            for key, verdicts in self.verdicts.items()
            for verdict in verdicts
            if not self.requests[key].is_understood(verdict.replies[-1])
        ]


class JudgeSession:
    """One judge, the record of its verdicts, and what is on record already. Raises UserError as `read_verdicts`."""

    def __init__(self, judge: TaskJudge, model: JudgeModel, path: Path, repeats: int = 1) -> None:
        self.judge, self.model, self.repeats = judge, model, repeats
        self.fingerprint = model.fingerprint(judge)
        self._path = path
        verdicts, self._whole_bytes = read_verdicts(path, self.fingerprint)
        self._known = {verdict.key: verdict for verdict in verdicts}

    def estimate(self, task: JudgedTask) -> Estimate:
        """What is left to be asked. Nothing is sent."""
        collected = self._settle(task)
        missing = self._missing(collected)
        texts = (message["content"] for one, _ in missing for message in one.attempts[0].messages)
        known = len(collected.requests) * self.repeats - len(missing)
        return Estimate(len(missing), sum(map(estimated_tokens, texts)), known)

    def collect(self, connect: Callable[[], ServerClient], task: JudgedTask, report: Report) -> CollectedVerdicts:
        """Ask what is not on record, round by round, and record it. Raises UserError as `ServerClient.chat` does.

        `connect` gives a new client for each round. `report` is called with the numbers of verdicts and of those
        wanted, whenever there is one more.
        """
        while True:
            collected = self._settle(task)
            missing = self._missing(collected)
            if not missing:
                return collected
            if failures := self._ask(connect(), missing, len(collected.requests) * self.repeats, report):
                collected = self._settle(task)
                collected.failures = failures
                return collected

    def _settle(self, task: JudgedTask) -> CollectedVerdicts:
        """All requests, those included that replies on record bring, and their verdicts."""
        collected = CollectedVerdicts()
        while True:
            requests = self.judge.requests(task, collected.replies)
            collected.requests = {request.key: request for request in requests}
            found = {request.key: self._verdicts(request) for request in requests}
            verdicts = {key: verdicts for key, verdicts in found.items() if len(verdicts) == self.repeats}
            if verdicts.keys() == collected.verdicts.keys():
                return collected
            collected.verdicts = verdicts

    def _verdicts(self, request: JudgeRequest) -> list[Verdict]:
        digest = request.digest
        keys = [(*request.key, repeat, digest) for repeat in range(self.repeats)]
        return [self._known[key] for key in keys if key in self._known]

    def _missing(self, collected: CollectedVerdicts) -> list[tuple[JudgeRequest, int]]:
        """(request, repeat) of those without a verdict, in their order, one repeat after the other."""
        return [
            (request, repeat)
            for repeat in range(self.repeats)
            for request in collected.requests.values()
            if (*request.key, repeat, request.digest) not in self._known
        ]

    def _ask(
        self, client: ServerClient, missing: Sequence[tuple[JudgeRequest, int]], wanted: int, report: Report
    ) -> dict[Key, str]:
        """Ask, record, and return why some got no verdict."""
        failures: dict[Key, str] = {}
        done = wanted - len(missing)

        async def ask(client: ServerClient, pair: tuple[JudgeRequest, int]) -> Verdict:
            return await self._verdict(client, *pair)

        with LineLog(self._path, self._whole_bytes) as log, closing(ask_all(client, missing, ask)) as outcomes:
            for index, outcome in outcomes:
                if isinstance(outcome, SampleError):
                    failures[missing[index][0].key] = str(outcome)
                    continue
                log.write(to_record(outcome))
                self._known[outcome.key] = outcome
                done += 1
                report(done, wanted)
        self._whole_bytes = self._path.stat().st_size
        return failures

    async def _verdict(self, client: ServerClient, request: JudgeRequest, repeat: int) -> Verdict:
        """Ask until a reply is understood, or there is no attempt left. Raises as `ServerClient.chat` does."""
        replies: list[ChatReply] = []
        for attempt in request.attempts:
            replies.append(await client.chat(self.model.body(attempt), needs_text=False))
            if request.is_understood(replies[-1].text or ""):
                break
        asked = sum(reply.prompt_tokens or 0 for reply in replies)
        new = sum(reply.completion_tokens or 0 for reply in replies)
        return Verdict(
            id=request.key[0],
            pass_index=request.key[1],
            repeat=repeat,
            request=request.digest,
            judge=self.fingerprint,
            model=replies[-1].model,
            replies=tuple(reply.text or "" for reply in replies),
            prompt_tokens=asked,
            new_tokens=new,
            cost=client.policy.cost(asked, new),
        )
