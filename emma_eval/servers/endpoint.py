"""Where a server is and how it is asked: address, key, timeouts, limits. Keys come from the environment alone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from emma_eval.errors import UserError

KEY_VARIABLES = ("EMMA_EVAL_API_KEY", "OPENAI_API_KEY")  # the first that is set
CHAT_PATH = "/chat/completions"
EXAMPLE_URL = "http://127.0.0.1:8000/v1"
SHORTEST_SECRET = 8  # letters; servers without keys are given words such as EMPTY
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address, and the key that it is sent."""

    base_url: str  # `http://127.0.0.1:8000/v1`, without a slash at the end
    host: str  # without the port
    key: str = field(default="", repr=False)
    key_variable: str = ""  # the environment variable that the key was found in

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, so that no proxy is asked."""
        return self.host in LOOPBACK

    def redacted(self, text: str) -> str:
        """What a server sent, without the key: one that repeats it must not bring it into a file.

        JSON can write a letter in several ways: a text with such letters is written anew where that shows the key.
        """
        if len(self.key) < SHORTEST_SECRET:
            return text
        if "\\" in text:
            with suppress(ValueError, RecursionError):
                plain = json.dumps(json.loads(text), ensure_ascii=False)
                text = plain if self._written in plain else text
        return text.replace(self._written, "[key]").replace(self.key, "[key]")

    @property
    def _written(self) -> str:
        """The key within a text of JSON."""
        return json.dumps(self.key)[1:-1]


def find_endpoint(url: str | None, key_variable: str | None, environment: Mapping[str, str] = os.environ) -> Endpoint:
    """The endpoint of a base URL. Messages never repeat what may be a secret.

    Raises UserError for an address that is none, or that holds a password, and for a variable that is not set.
    """
    if not url:
        raise UserError(f"a model of a server needs its address: --base-url URL, such as {EXAMPLE_URL}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or not url.isprintable() or " " in url:
        raise UserError(f"--base-url: http://HOST:PORT/v1 or https://HOST/v1 is expected, such as {EXAMPLE_URL}")
    if parts.username is not None or parts.query or parts.fragment:
        raise UserError(
            "--base-url must hold neither a password nor a query, because it is recorded; put a key into the "
            f"environment variable {KEY_VARIABLES[0]}"
        )
    path = parts.path.rstrip("/").removesuffix(CHAT_PATH)
    variable, key = _find_key(key_variable, environment)
    return Endpoint(urlunsplit((parts.scheme, parts.netloc, path, "", "")), host, key, variable)


def _find_key(variable: str | None, environment: Mapping[str, str]) -> tuple[str, str]:
    """(variable, key), both empty without a key. Raises UserError if the named variable is not set."""
    if variable is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", variable):
        raise UserError("--model-option key_env: the name of an environment variable is expected, never the key itself")
    names = KEY_VARIABLES if variable is None else (variable,)
    name = next((name for name in names if environment.get(name, "").strip()), "")
    if variable is not None and not name:
        raise UserError("--model-option key_env: the environment variable that it names is not set")
    key = environment.get(name, "").strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UserError(f"the key in the environment variable {name} has characters that no HTTP header may have")
    return name, key


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingPolicy:
    """How hard a server is asked, and how long it is waited for. Times in seconds."""

    concurrency: int = 32  # requests under way at most
    retries: int = 6  # of a request that may be at fault itself
    connect_timeout: float = 10.0
    read_timeout: float = 300.0  # between two pieces of a reply
    total_timeout: float = 300.0  # of a whole attempt
    outage: float = 600.0  # so long nothing but failures, and the run stops
    first_delay: float = 0.5  # before the first retry; doubled for each one more
    longest_delay: float = 60.0
    connect_patience: float = 30.0  # as `outage`, for a server that never took a connection: the address is wrong
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    prompt_price: float | None = None  # per million tokens
    completion_price: float | None = None

    def cost(self, prompt_tokens: int, new_tokens: int) -> float | None:
        """What so many tokens cost; None without prices."""
        if self.prompt_price is None and self.completion_price is None:
            return None
        return (prompt_tokens * (self.prompt_price or 0.0) + new_tokens * (self.completion_price or 0.0)) / 1e6
