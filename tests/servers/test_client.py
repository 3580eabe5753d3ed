"""The client against a server that fails in every way: what is tried again, what costs a sample, what ends the run."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from emma_eval.errors import SampleError, UserError
from emma_eval.servers.client import FIRST_REFUSALS, MAX_REPLY_BYTES, ServerOutageError
from emma_eval.servers.replies import ChatReply
from tests.fake_server import Reply, chat, closed_port, error, fake_server, text_of
from tests.servers.asked import HTML, KEY, QUICK, Asked, at_first, only

PASSING = {
    "too many requests": error(429, "slow down"),
    "too many, wait": error(429, "slow down", {"Retry-After": "0.05"}),
    "a broken Retry-After": error(503, "soon", {"Retry-After": "after lunch"}),
    "server error": error(500, "CUDA error"),
    "bad gateway with a page": Reply(HTML, 502, {"Content-Type": "text/html"}),
    "overloaded": error(503, "loading"),
    "cut body": Reply(chat("half"), cut=True),
    "connection closed": Reply(no_status=True),
    "wrong JSON": Reply(b'{"choices": [', 200),
    "not UTF-8": Reply(b"\xff\xfe\x00", 200),
    "nested too deep": Reply(b"[" * 100_000, 200),
    "a list": Reply(b"[1]", 200),
    "empty body": Reply(b"", 200),
    "no choices": Reply({"choices": []}),
    "choices of another kind": Reply({"choices": "yes"}),
    "a choice without a message": Reply({"choices": [{"text": "yes"}]}),
    "an error with status 200": Reply({"error": {"message": "upstream"}}),
    "an HTML page": Reply(HTML, 200, {"Content-Type": "text/html"}),
    "too long": Reply(b'"' + b"x" * (MAX_REPLY_BYTES + 1) + b'"'),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_tried_again_and_every_question_has_its_own_answer(name: str) -> None:
    with fake_server(at_first(PASSING[name])) as server:
        asked = Asked(server.url, ["a", "b", "c"])
    assert asked.raised is None
    assert asked.said == ["A", "B", "C"]
    assert len(server.bodies) == 6
    assert (asked.stats.attempts, asked.stats.answers, asked.stats.retries) == (6, 3, 3)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (error(400, "image too large"), "HTTP 400: image too large"),
        (error(413, "payload"), "HTTP 413: payload"),
        (error(400, "maximum context length is 10 tokens", param="max_tokens"), "maximum context length"),
        (error(400, "flagged", code="content_filter"), "content filter held the request back"),
        (error(403, "your input was flagged by moderation"), "content filter held the request back"),
        (Reply(chat(None, "content_filter")), "content filter held the answer back"),
        (Reply(chat(None)), "no text (finish_reason stop)"),
        (Reply(chat("", "length")), "no text within the most tokens"),
        (Reply(chat(None, "tool_calls")), "no text (finish_reason tool_calls)"),
        (error(500, "assert on this image"), "failed 4 times: HTTP 500: assert on this image"),
        (Reply({"choices": []}), "failed 4 times: the reply has no choices"),
    ],
)
def test_a_question_that_is_at_fault_fails_alone(fault: Reply, reason: str) -> None:
    with fake_server(only("bad", fault)) as server:
        asked = Asked(server.url, ["a", "bad", "b"])
    assert asked.raised is None
    assert reason in asked.said[1]
    assert [asked.said[0], asked.said[2]] == ["A", "B"]


def test_the_last_open_question_fails_alone_too_because_the_server_answers_small_talk() -> None:
    with fake_server(only("bad", error(500, "assert"))) as server:
        asked = Asked(server.url, ["bad"])
    assert "failed 4 times" in asked.said[0]
    assert server.texts() == ["bad"] * 4 + ["Say yes."]


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (error(401, "wrong key"), "does not accept the key"),
        (error(403, "not for you"), "does not accept the key"),
        (error(404, "model m not found"), "no such model or no such address.*it has: another, served-name"),
        (error(402, "pay"), "to be paid"),
        (error(429, "You exceeded your quota", code="insufficient_quota"), "no quota left"),
        (Reply(b"", 307, {"Location": "http://elsewhere/v1"}), r"a redirect \(307\), which is not followed"),
        (error(400, "Unsupported parameter: 'seed'", param="seed"), "parameter seed: leave it out by .* omit=seed"),
        (Reply({"detail": "Unexpected fields in the request: {'seed'}"}, 422), "omit=seed"),
        (Reply({"detail": [{"loc": ["body", "seed"], "msg": "extra"}]}, 422), "omit=seed"),
    ],
)  # fmt: skip
def test_what_befalls_every_request_ends_the_run_with_one_line(fault: Reply, line: str) -> None:
    with fake_server(lambda body, number: fault) as server:
        asked = Asked(server.url, [str(number) for number in range(50)])
    with pytest.raises(UserError, match=line) as raised:
        raise asked.raised or AssertionError
    assert "\n" not in str(raised.value)
    assert len(server.bodies) <= QUICK.concurrency


def test_what_is_under_way_when_the_run_ends_is_kept() -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        return Reply(chat(text_of(body)), delay=0.3) if text_of(body) != "2" else error(401)

    with fake_server(behave) as server:
        asked = Asked(server.url, ["0", "1", "2", "3", "4", "5", "6"])
    assert asked.raised is not None
    assert len(asked.outcomes) == len(server.bodies) - 1 == 3


def test_a_server_that_refuses_everything_from_the_beginning_ends_the_run() -> None:
    with fake_server(lambda body, number: error(400, "this model sees no images")) as server:
        asked = Asked(server.url, [str(number) for number in range(50)])
        few = Asked(server.url, ["a", "b"])
    assert "first 8 requests failed and none was answered: the server refuses the request" in str(asked.raised)
    assert len(asked.outcomes) == FIRST_REFUSALS - 1
    assert few.raised is None


def test_an_outage_stops_the_run_after_a_while_and_keeps_what_was_answered() -> None:
    policy = replace(QUICK, outage=0.5)
    with fake_server(lambda body, number: chat() if number < 10 else error(503, "down")) as server:
        asked = Asked(server.url, [str(number) for number in range(50)], policy)
    assert isinstance(asked.raised, ServerOutageError)
    assert "has answered nothing for" in str(asked.raised)
    assert "HTTP 503: down" in str(asked.raised)
    assert "the same command goes on where it stopped" in str(asked.raised)
    assert len(asked.outcomes) == 10


def test_a_server_that_breaks_down_blames_no_question() -> None:
    """Were 500 the questions' fault, they would all be lost."""
    policy = replace(QUICK, outage=0.8)
    with fake_server(lambda body, number: chat() if number < 10 else error(500, "CUDA error")) as server:
        asked = Asked(server.url, [str(number) for number in range(50)], policy)
    assert isinstance(asked.raised, ServerOutageError)
    assert not any(isinstance(one, SampleError) for one in asked.outcomes.values())


def test_the_user_is_told_once_why_nothing_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emma_eval.servers.client.NOTICE_SECONDS", 0.1)
    with fake_server(lambda body, number: error(503, "loading") if number < 20 else chat()) as server:
        Asked(server.url, ["a", "b"])
    (line,) = caplog.messages
    assert line == f"{server.url}: HTTP 503: loading; asking on for up to 10 min 00 s"


def test_a_wait_longer_than_the_patience_stops_at_once() -> None:
    with fake_server(lambda body, number: error(429, "tomorrow", {"Retry-After": "86400"})) as server:
        start = time.monotonic()
        asked = Asked(server.url, ["a"])
    assert "it asks to wait 24 h 00 min" in str(asked.raised)
    assert time.monotonic() - start < 5


def test_a_wrong_address_is_told_early() -> None:
    """No wait before a retry is longer than what is left of the patience."""
    policy = replace(QUICK, connect_patience=0.3, first_delay=30.0, longest_delay=60.0)
    start = time.monotonic()
    asked = Asked(f"http://127.0.0.1:{closed_port()}/v1", ["a"], policy)
    assert "no connection" in str(asked.raised)
    assert time.monotonic() - start < 10
    with fake_server(lambda body, number: Reply(HTML)) as server:
        asked = Asked(server.url, ["a"], policy)
    assert "the reply is an HTML page, not JSON" in str(asked.raised)


@pytest.mark.parametrize("slow", [Reply(chat(), delay=2.0), Reply(chat(), drip=0.02)], ids=["hangs", "drips"])
def test_a_reply_that_takes_too_long_is_asked_for_again(slow: Reply) -> None:
    with fake_server(at_first(slow)) as server:
        asked = Asked(server.url, ["a"], replace(QUICK, total_timeout=0.4))
    assert asked.said == ["A"]
    assert asked.stats.overloads == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured_by_all_that_would_ask(form: str) -> None:
    """A date counts by the server's own clock, which is an hour slow here."""
    now = datetime.now(UTC) - timedelta(hours=1)
    headers = {"Retry-After": "1"}
    if form == "date":
        headers = {"Date": format_datetime(now, usegmt=True)}
        headers["Retry-After"] = format_datetime(now + timedelta(seconds=1), usegmt=True)

    with fake_server(lambda body, number: error(429, headers=headers) if number == 0 else chat()) as server:
        Asked(server.url, ["a", "b", "c"], replace(QUICK, concurrency=1))
    first, *others = server.times
    assert min(others) - first >= 0.9


def test_texts_may_be_of_any_letters() -> None:
    parts = [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]
    texts = iter(["  Größe 漢字 🪁\n", "half \ud83d", parts, ""])
    with fake_server(lambda body, number: chat(next(texts))) as server:
        asked = Asked(server.url, list("abcd"), replace(QUICK, concurrency=1))
    assert asked.said == ["  Größe 漢字 🪁\n", "half \N{REPLACEMENT CHARACTER}", "in parts", ""]


@pytest.mark.parametrize(
    "usage", [None, "many", {"prompt_tokens": -1, "completion_tokens": "3"}, {"prompt_tokens": 1.5}]
)
def test_counts_that_make_no_sense_are_not_taken(usage: Any) -> None:
    with fake_server(lambda body, number: chat(usage=usage, model=7, system_fingerprint=None)) as server:
        asked = Asked(server.url, ["a"])
    (reply,) = asked.outcomes.values()
    assert isinstance(reply, ChatReply)
    assert (reply.prompt_tokens, reply.completion_tokens) == (None, None)
    assert (reply.model, reply.system_fingerprint) == ("", "")


def test_tokens_and_cost_are_counted_those_of_useless_answers_too() -> None:
    policy = replace(QUICK, prompt_price=2.0, completion_price=10.0)
    with fake_server(only("bad", Reply(chat(None, "length")))) as server:
        asked = Asked(server.url, ["a", "bad"], policy)
    assert (asked.stats.prompt_tokens, asked.stats.new_tokens) == (40, 6)
    assert asked.stats.cost == pytest.approx((40 * 2 + 6 * 10) / 1e6)
    assert (asked.stats.prompt_price, asked.stats.completion_price) == (2.0, 10.0)
    assert asked.stats.models == ("served-name",)
    assert "cost 0.0001" in str(asked.stats)


def test_a_key_that_the_server_repeats_is_in_no_message_and_no_answer() -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        if text_of(body) == "bad":
            return error(400, f"Authorization: Bearer {KEY} is odd")
        return chat(f"the key is {KEY}")

    with fake_server(behave) as server:
        asked = Asked(server.url, ["a", "bad"], key=KEY)
    assert server.authorizations == [f"Bearer {KEY}"] * 2
    assert asked.said[0] == "the key is [key]"
    assert KEY not in asked.said[1]
    assert "Bearer [key] is odd" in asked.said[1]
