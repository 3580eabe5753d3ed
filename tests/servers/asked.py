"""Many questions to a server, and servers that fail at some of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emma_eval.errors import SampleError, UserError
from emma_eval.servers.asking import ask_all
from emma_eval.servers.client import ServerClient
from emma_eval.servers.endpoint import AskingPolicy, Endpoint
from emma_eval.servers.replies import ChatReply
from emma_eval.types import ServerStats
from tests.fake_server import Reply, chat, text_of

KEY = "sk-a-secret-key-123"
QUICK = AskingPolicy(
    concurrency=4, retries=3, first_delay=0.01, longest_delay=0.05, outage=600.0, total_timeout=10.0, read_timeout=10.0
)
HTML = b"<!DOCTYPE html><html><body>Welcome</body></html>"


class Asked:
    """The outcomes of many questions: each of them once, in whatever order they came."""

    def __init__(self, url: str, texts: list[str], policy: AskingPolicy = QUICK, key: str = "") -> None:
        self.stats = ServerStats()
        endpoint = Endpoint(url, "127.0.0.1", key, "EMMA_EVAL_API_KEY" if key else "")
        self.outcomes: dict[int, ChatReply | SampleError] = {}

        async def ask(client: ServerClient, text: str) -> ChatReply:
            message = {"role": "user", "content": text}
            return await client.chat({"model": "m", "messages": [message], "seed": 0, "max_tokens": 8})

        self.raised: UserError | None = None
        try:
            for index, outcome in ask_all(ServerClient(endpoint, policy, self.stats), texts, ask):
                assert index not in self.outcomes, "answered twice"
                self.outcomes[index] = outcome
        except UserError as stop:
            self.raised = stop
        else:
            assert sorted(self.outcomes) == list(range(len(texts)))

    @property
    def said(self) -> list[str]:
        found = sorted(self.outcomes.items())
        return [str(one) if isinstance(one, SampleError) else one.text or "" for _, one in found]


def at_first(fault: Reply, times: int = 1) -> Callable[[dict[str, Any], int], Reply | dict[str, Any]]:
    """A server that fails at each question so many times, then echoes it."""
    seen: dict[str, int] = {}

    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        text = text_of(body)
        seen[text] = seen.get(text, 0) + 1
        return fault if seen[text] <= times else chat(text.upper())

    return behave


def only(bad: str, fault: Reply) -> Callable[[dict[str, Any], int], Reply | dict[str, Any]]:
    """A server that fails at one question alone, always."""
    return lambda body, number: fault if text_of(body) == bad else chat(text_of(body).upper())
