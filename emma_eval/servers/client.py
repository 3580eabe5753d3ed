"""The client: one chat request at a time for its caller, however many attempts that takes.

Who is to blame decides what a failure costs. A request that fails again and again while the server answers others (or,
where there are none, a word of small talk) is at fault itself: SampleError. A server that refuses everyone for the same
reason ends the run at once, and one that is out of order does so after a while: UserError.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from emma_eval.errors import SampleError, UserError
from emma_eval.servers.concurrency import AdaptiveLimit, Outcome, Pace
from emma_eval.servers.endpoint import CHAT_PATH, AskingPolicy, Endpoint
from emma_eval.servers.replies import ChatReply, PassingError, parse_reply, raise_for_status
from emma_eval.servers.retries import backoff
from emma_eval.types import ServerStats
from emma_eval.utils.text import error_message, format_bytes, format_duration

if TYPE_CHECKING:
    import httpx2 as httpx

Body = Mapping[str, Any]  # of a chat request

LOGGER = logging.getLogger(__name__)
NOTICE_SECONDS = 15.0  # without any answer, before the user is told what the matter is
MAX_REPLY_BYTES = 2**25
FIRST_REFUSALS = 8  # so many requests at fault and not one answered: it is no fault of theirs
NEEDED_FIELDS = {"model", "messages"}  # of a chat request
NOT_INSTALLED = "asking a server needs the package httpx2: pip install 'emma-eval[server]'"


class ServerOutageError(UserError):
    """The server has answered nothing for too long."""


def require_http() -> Any:
    """The HTTP library, imported late. Raises UserError if it is not installed."""
    try:
        import httpx2
    except ImportError as error:
        raise UserError(NOT_INSTALLED) from error
    return httpx2


@dataclass(slots=True)
class _Health:
    """What is known of the server: whether it has ever answered, and since when it only fails."""

    last_answer: float | None = None  # monotonic seconds
    failing_since: float | None = None
    is_there: bool = False
    has_been_told: bool = False  # that it only fails
    refusals: int = 0  # requests that were at fault themselves

    def shown(self) -> None:
        self.failing_since, self.is_there, self.has_been_told = None, True, False

    def answered(self) -> None:
        self.shown()
        self.last_answer = time.monotonic()

    def answered_since(self, moment: float) -> bool:
        return self.last_answer is not None and self.last_answer >= moment


@dataclass(slots=True)
class _Trial:
    """A chat request and its attempts so far. Times in monotonic seconds."""

    body: Body
    attempts: int = 0
    began: float = field(default_factory=time.monotonic)
    last_failure: float = field(default_factory=time.monotonic)  # or its beginning


class ServerClient:
    """Sends chat requests to one server; an asynchronous context of one event loop, shared by all its tasks."""

    def __init__(self, endpoint: Endpoint, policy: AskingPolicy, stats: ServerStats) -> None:
        self.endpoint, self.policy, self.stats = endpoint, policy, stats
        stats.prompt_price, stats.completion_price = policy.prompt_price, policy.completion_price
        self.limit = AdaptiveLimit(policy.concurrency)
        self._pace = Pace(policy.requests_per_minute, policy.tokens_per_minute)
        self._health = _Health()
        self._probe_lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        library = self._library = require_http()
        policy = self.policy
        self._http: httpx.AsyncClient = library.AsyncClient(
            headers=self.endpoint.headers,
            timeout=library.Timeout(policy.read_timeout, connect=policy.connect_timeout, pool=None),
            limits=library.Limits(max_connections=policy.concurrency, max_keepalive_connections=policy.concurrency),
            trust_env=not self.endpoint.is_local,  # proxies and certificates of the environment
            follow_redirects=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stats.most_at_once = max(self.stats.most_at_once, self.limit.peak)
        await self._http.aclose()

    async def chat(self, body: Body, *, needs_text: bool = True) -> ChatReply:
        """The reply to a chat request, which has a text; without `needs_text` the model may have written none.

        Raises SampleError if this request is at fault, ServerOutageError after `policy.outage` without any answer, and
        UserError for what would befall every request: a wrong key, an unknown model, a refused parameter.
        """
        trial = _Trial(body)
        while True:
            try:
                return self._answer(await self._in_its_turn(body), needs_text)
            except SampleError as error:
                self._count_refusal(error)
                raise
            except PassingError as error:
                trial.attempts += 1
                patience = await self._judge(error, trial)
                trial.last_failure = time.monotonic()
                wait = min(patience, backoff(trial.attempts, self.policy.first_delay, self.policy.longest_delay))
                if error.wait is not None and error.overload:
                    self.limit.pause(error.wait)  # all others would be turned away likewise
                self.stats.retries += 1
                await asyncio.sleep(max(wait, error.wait or 0.0))

    def _answer(self, reply: ChatReply, needs_text: bool) -> ChatReply:
        """The reply, counted as an answer. Raises SampleError if it was withheld, or has no text and needs one."""
        if reply.text is None and (needs_text or reply.is_withheld):
            raise SampleError(reply.fault)
        self.stats.answers += 1
        return reply

    async def _in_its_turn(self, body: Body) -> ChatReply:
        """One attempt, when the server has room for it."""
        await self._pace.turn()
        place = await self.limit.acquire()
        outcome: Outcome = "neither"
        try:
            reply = await self._attempt(body)
            outcome = "answered"
        except PassingError as error:
            outcome = "overloaded" if error.overload else "neither"
            self.stats.overloads += error.overload
            raise
        finally:
            self.limit.release(place, outcome)
        self._health.answered()
        self._count(reply)
        return reply

    async def _attempt(self, body: Body) -> ChatReply:
        """One HTTP request. Raises as `raise_for_status` does, PassingError for what goes wrong on the way."""
        self.stats.attempts += 1
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.policy.total_timeout):
                status, headers, text = await self._exchange("POST", CHAT_PATH, json.dumps(body).encode())
        except (TimeoutError, self._library.TimeoutException) as error:
            nobody = isinstance(error, self._library.ConnectTimeout)
            raise PassingError("no reply in time", overload=True, nobody_there=nobody) from error
        except self._library.ConnectError as error:
            reason = f"no connection ({error_message(error)})"
            raise PassingError(reason, "server", overload=True, nobody_there=True) from error
        except (self._library.HTTPError, self._library.InvalidURL) as error:
            raise PassingError(f"the connection broke ({error_message(error)})") from error
        try:
            raise_for_status(status, headers, text, body.keys() - NEEDED_FIELDS)
        except SampleError:
            self._health.shown()
            raise
        except UserError as error:
            hint = await self._known_models() if status == 404 else ""
            raise UserError(f"{self.endpoint.base_url}: {error}{hint}") from error
        return replace(parse_reply(text), seconds=time.monotonic() - began)

    async def _exchange(self, method: str, path: str, data: bytes | None = None) -> tuple[int, Mapping[str, str], str]:
        """Status, headers and text of a response, the text without the key. Raises PassingError for one too long."""
        headers = {"Content-Type": "application/json"} if data else {}
        url = self.endpoint.base_url + path
        async with self._http.stream(method, url, content=data, headers=headers) as response:
            received = bytearray()
            async for piece in response.aiter_bytes():
                received += piece
                if len(received) > MAX_REPLY_BYTES:
                    raise PassingError(f"the reply is longer than {format_bytes(MAX_REPLY_BYTES)}")
        text = self.endpoint.redacted(received.decode("utf-8", "replace"))
        return response.status_code, response.headers, text

    async def _judge(self, error: PassingError, trial: _Trial) -> float:
        """For how many seconds another attempt is due; else raise SampleError or ServerOutageError.

        The server is known to work if it has answered another request between the last two attempts at this one.
        """
        policy, health, now = self.policy, self._health, time.monotonic()
        health.failing_since = health.failing_since or now
        failing, own = now - health.failing_since, now - trial.began
        works = health.answered_since(trial.last_failure)
        patience = policy.outage
        if error.nobody_there and not health.is_there:
            patience = min(patience, policy.connect_patience)
        if (error.wait or 0.0) > policy.outage or failing >= patience:
            asks = f", and it asks to wait {format_duration(error.wait)}" if error.wait else ""
            raise ServerOutageError(
                f"{self.endpoint.base_url} has answered nothing for {format_duration(failing)}{asks}: {error}; "
                "what was answered is kept, and the same command goes on where it stopped"
            )
        if not health.has_been_told and max(failing, error.wait or 0.0) >= NOTICE_SECONDS:
            health.has_been_told = True
            LOGGER.warning("%s: %s; asking on for up to %s", self.endpoint.base_url, error, format_duration(patience))
        if error.blame == "server":
            if own >= policy.outage and works:
                raise SampleError(f"turned away for {format_duration(own)} while others were answered: {error}")
        elif trial.attempts > policy.retries and (works or await self._is_well(trial.body)):
            self._count_refusal(error)
            raise SampleError(f"failed {trial.attempts} times: {error}")
        return patience - failing

    async def _is_well(self, body: Body) -> bool:
        """Whether the server answers a request of the same settings that nothing else can be wrong with."""
        async with self._probe_lock:
            try:
                await self._in_its_turn({**body, "messages": [{"role": "user", "content": "Say yes."}]})
            except (PassingError, SampleError):
                return False
        return True

    def _count_refusal(self, error: Exception) -> None:
        """Raise UserError if everything has been refused from the beginning."""
        self._health.refusals += 1
        if self._health.refusals >= FIRST_REFUSALS and not self.stats.answers:
            raise UserError(
                f"{self.endpoint.base_url}: the first {FIRST_REFUSALS} requests failed and none was answered: {error}"
            ) from error

    async def _known_models(self) -> str:
        """`; it has: ...`, the models that the server lists; empty where it lists none."""
        try:
            async with asyncio.timeout(self.policy.connect_timeout):
                _, _, text = await self._exchange("GET", "/models")
            content = json.loads(text)
            names = [str(entry["id"]) for entry in content["data"]]
        except (
            self._library.HTTPError,
            PassingError,
            TimeoutError,
            ValueError,
            LookupError,
            TypeError,
            RecursionError,
        ):
            return ""
        return f"; it has: {', '.join(sorted(names)[:10])}" if names else ""

    def _count(self, reply: ChatReply) -> None:
        """Add a reply's tokens and what they cost."""
        stats, policy = self.stats, self.policy
        asked, new = reply.prompt_tokens or 0, reply.completion_tokens or 0
        stats.prompt_tokens += asked
        stats.new_tokens += new
        self._pace.spend(asked + new)
        if (cost := policy.cost(asked, new)) is not None:
            stats.cost = (stats.cost or 0.0) + cost
        if reply.model and reply.model not in stats.models:
            stats.models += (reply.model,)
        if reply.system_fingerprint and reply.system_fingerprint not in stats.system_fingerprints:
            stats.system_fingerprints += (reply.system_fingerprint,)
