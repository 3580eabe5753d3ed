"""Many jobs at once: how many a server bears, how they are spaced, and how they end early."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from emma_eval.servers.asking import ask_all
from emma_eval.servers.client import ServerClient
from emma_eval.servers.endpoint import Endpoint
from emma_eval.servers.replies import ChatReply
from emma_eval.types import ServerStats
from tests.fake_server import FakeServer, Reply, chat, error, fake_server
from tests.servers.asked import QUICK, Asked


def test_concurrency_grows_to_the_ceiling_of_a_server_that_bears_it() -> None:
    with fake_server(lambda body, number: Reply(chat(), delay=0.02)) as server:
        asked = Asked(server.url, [str(number) for number in range(120)], replace(QUICK, concurrency=16))
    assert asked.stats.most_at_once == 16
    assert asked.stats.retries == 0


def test_concurrency_settles_where_the_server_can_follow() -> None:
    """It takes three at once. Sixteen at once without end would be turned away thirteen times of sixteen."""
    server: FakeServer

    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        return error(429, "three at once") if server.in_flight > 3 else Reply(chat(), delay=0.02)

    with fake_server(behave) as server:
        asked = Asked(server.url, [str(number) for number in range(150)], replace(QUICK, concurrency=16))
    assert asked.stats.answers == 150
    assert 0 < asked.stats.overloads < 75


def test_requests_a_minute_are_spaced() -> None:
    with fake_server() as server:
        Asked(server.url, list("abcde"), replace(QUICK, requests_per_minute=600))
    assert server.times[-1] - server.times[0] >= 0.35


def test_tokens_a_minute_are_spaced() -> None:
    """23 tokens a reply, of 2,760 a minute: half a second."""
    with fake_server() as server:
        Asked(server.url, list("abc"), replace(QUICK, tokens_per_minute=2760, concurrency=1))
    assert server.times[-1] - server.times[0] >= 0.9


def test_closing_the_outcomes_ends_what_is_under_way() -> None:
    async def ask(client: ServerClient, text: str) -> ChatReply:
        return await client.chat({"model": "m", "messages": [{"role": "user", "content": text}]})

    with fake_server(lambda body, number: chat() if number == 0 else Reply(chat(), delay=3.0)) as server:
        client = ServerClient(Endpoint(server.url, "127.0.0.1"), QUICK, ServerStats())
        outcomes = ask_all(client, list("abcdefgh"), ask)
        next(outcomes)
        start = time.monotonic()
        outcomes.close()
        assert time.monotonic() - start < 2
