"""What a server may answer in place of a chat reply."""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.bad_input.mutations import damaged, with_hostile_value
from tests.bad_input.outcome import Outcome, Target, require, require_good_message
from tests.fake_server import FakeServer, Reply, chat, fake_server
from tests.servers.asked import QUICK, Asked

KEY = "sk-a-secret-key-123"
STATUSES = (200, 200, 200, 200, 201, 204, 301, 400, 401, 404, 413, 418, 422, 429, 500, 503)
QUICKER = replace(
    QUICK, concurrency=2, retries=1, first_delay=0.001, longest_delay=0.002, outage=0.5, total_timeout=2.0,
    read_timeout=2.0, connect_timeout=2.0,
)  # fmt: skip


@dataclass
class Served:
    """A server on loopback that sends `reply`, as long as the target lives."""

    server: FakeServer
    stack: ExitStack
    reply: list[Reply] = field(default_factory=list)


def prepare(folder: Path) -> Served:
    """The server."""
    stack = ExitStack()
    replies: list[Reply] = []
    server = stack.enter_context(fake_server(lambda body, number: replies[-1]))
    return Served(server, stack, replies)


def examine(served: Served, rng: random.Random) -> Outcome:
    """Have the server answer one question with a malformed reply."""
    sound = json.dumps(chat("red", key=KEY)).encode()
    body = damaged(sound, rng) if rng.random() < 0.5 else json.dumps(with_hostile_value(chat("red"), rng)).encode()
    status = rng.choice(STATUSES)
    reply = Reply(body, status, _headers(rng), cut=rng.random() < 0.05, no_status=rng.random() < 0.03)
    served.reply[:] = [reply]
    asked = Asked(served.server.url, ["What colour?"], QUICKER, KEY)
    if asked.raised is not None:
        require(KEY not in str(asked.raised), "the key stands in the message")
        raise asked.raised
    text = asked.said[0]
    require(KEY not in text, "the key stands in the answer")
    outcome = asked.outcomes[0]
    if isinstance(outcome, Exception):
        require_good_message(str(outcome))
        return Outcome.REFUSED
    require(status == 200, f"an answer of status {status}")
    require(text == _content(body), f"the answer is {text!r:.100}, the reply says {_content(body)!r:.100}")
    return Outcome.SAME if text == "red" else Outcome.CHANGED


def _headers(rng: random.Random) -> dict[str, str]:
    if rng.random() < 0.7:
        return {}
    name = rng.choice(("Retry-After", "Content-Type", "Content-Encoding", "Location", "Date", "X-Y"))
    values = (
        "",
        "nan",
        "inf",
        "-1",
        "1e9",
        "gzip",
        "br",
        "text/html; charset=utf-7",
        "x" * 5000,
        "Fri, 99 Foo 2026",
        "http://127.0.0.1:1/",
    )
    return {name: rng.choice(values)}


def _content(body: bytes) -> Any:
    """The text of the first choice, by the standard library alone: U+FFFD for what UTF-8 cannot hold."""
    try:
        content = json.loads(body.replace(KEY.encode(), b"[key]").decode("utf-8", "replace"))["choices"][0]["message"][
            "content"
        ]
    except (ValueError, LookupError, TypeError):
        return None
    if isinstance(content, list):  # in parts
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str)) if parts else None
    return content.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(content, str) else None


TARGET = Target(
    name="servers",
    what="replies of an OpenAI-compatible server: damaged bodies, types, statuses, headers, broken connections",
    wrong="an answer that is not the text of the reply's first choice, or of another status than 200; the key in it",
    count=300,
    prepare=prepare,
    examine=examine,
)
