"""`--model openai:NAME --base-url URL`: the options of a server's model, and the engine that asks it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from emma_eval.errors import UserError
from emma_eval.inference.server import ChatSettings, ServerEngine
from emma_eval.models.base import ModelSpec
from emma_eval.servers.endpoint import KEY_VARIABLES, AskingPolicy, Endpoint, find_endpoint

DECIDING = ("max_image_side", "omit", "max_tokens_field", "parameters")  # options that answers depend on
RESERVED = ("model", "messages", "stream", "n")
FIELD_NAME = re.compile(r"[A-Za-z_]\w{0,63}")
DEFAULTS = AskingPolicy()


@dataclass(frozen=True, slots=True)
class ServerLoader:
    """Loads a model behind an OpenAI-compatible server; `spec.source` is its name there."""

    is_remote: ClassVar[bool] = True
    options: ClassVar[Mapping[str, str]] = {
        "base_url": "the server's address, such as http://127.0.0.1:8000/v1; --base-url is the same",
        "key_env": f"the environment variable that holds the key (the first set of {', '.join(KEY_VARIABLES)})",
        "concurrency": f"requests at once at most ({DEFAULTS.concurrency}); fewer as long as the server is overloaded",
        "retries": f"of a request that fails though the server answers others ({DEFAULTS.retries})",
        "timeout": f"seconds that an answer may take ({DEFAULTS.total_timeout:g})",
        "read_timeout": "seconds without a byte of it (as timeout)",
        "connect_timeout": f"seconds to connect ({DEFAULTS.connect_timeout:g})",
        "outage_minutes": f"minutes without any answer after which the run stops ({DEFAULTS.outage / 60:g})",
        "requests_per_minute": "at most",
        "tokens_per_minute": "at most, of prompts and answers as the server counts them",
        "prompt_price": "per million tokens, for the cost on record",
        "completion_price": "per million tokens, likewise",
        "max_image_side": "shrink images whose longer side has more pixels (they are sent as they are)",
        "omit": "parameters that are not sent, with commas between: temperature,seed,max_tokens",
        "max_tokens_field": "the field that says how long an answer may be (max_tokens)",
        "parameters": 'further fields of the request, as JSON: {"reasoning_effort": "low"}',
    }

    def deciding_options(self, spec: ModelSpec) -> dict[str, str]:
        """The options that answers depend on, of the address the host alone. Raises UserError for an unsound one."""
        self._engine(spec)
        return {"host": self._endpoint(spec).host} | {
            name: value for name, value in spec.options.items() if name in DECIDING
        }

    def fingerprint(self, spec: ModelSpec) -> str:
        """SHA-256 over name and deciding options: no more of a server's model can be seen."""
        facts = ["server", spec.source, *map(list, sorted(self.deciding_options(spec).items()))]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def __call__(self, spec: ModelSpec) -> ServerEngine:
        """The engine. Raises UserError for an option that makes no sense; the server is not asked yet."""
        return self._engine(spec)

    def _engine(self, spec: ModelSpec) -> ServerEngine:
        if not spec.source:
            raise UserError("openai:NAME names the model as the server does")
        if spec.device is not None or spec.dtype not in (None, "auto"):
            raise UserError("--device and --dtype say nothing to a server, which has its own")
        return ServerEngine(self._endpoint(spec), asking_policy(spec.options), chat_settings(spec))

    def _endpoint(self, spec: ModelSpec) -> Endpoint:
        return find_endpoint(spec.options.get("base_url"), spec.options.get("key_env"))


def asking_policy(options: Mapping[str, str]) -> AskingPolicy:
    """The policy that the options make. Raises UserError for a value out of range."""

    def number(name: str, default: float, low: float, high: float) -> float:
        value = _number(options, name, low, high)
        return default if value is None else value

    total = number("timeout", DEFAULTS.total_timeout, 0.1, 86_400)
    return AskingPolicy(
        concurrency=int(number("concurrency", DEFAULTS.concurrency, 1, 1024)),
        retries=int(number("retries", DEFAULTS.retries, 0, 100)),
        total_timeout=total,
        read_timeout=number("read_timeout", total, 0.1, 86_400),
        connect_timeout=number("connect_timeout", DEFAULTS.connect_timeout, 0.1, 3600),
        outage=60 * number("outage_minutes", DEFAULTS.outage / 60, 0.01, 1440),
        requests_per_minute=_number(options, "requests_per_minute", 0.1, 1e6),
        tokens_per_minute=_number(options, "tokens_per_minute", 1, 1e12),
        prompt_price=_number(options, "prompt_price", 0, 1e6),
        completion_price=_number(options, "completion_price", 0, 1e6),
    )


def chat_settings(spec: ModelSpec) -> ChatSettings:
    """What every chat request holds: temperature 0 and the seed, unless the options say otherwise.

    Raises UserError for an option that no request can follow.
    """
    options = spec.options
    field = options.get("max_tokens_field", "max_tokens")
    if not FIELD_NAME.fullmatch(field) or field in RESERVED:
        raise UserError(f"--model-option max_tokens_field={field}: the name of a field is expected")
    fields: dict[str, Any] = {"temperature": 0, "seed": spec.seed} | request_parameters(options.get("parameters"))
    for name in filter(None, map(str.strip, options.get("omit", "").split(","))):
        if name not in (field, *fields):
            raise UserError(f"--model-option omit={name}: sent are {', '.join([field, *fields])}")
        fields.pop(name, None)
        field = "" if name == field else field
    side = _number(options, "max_image_side", 1, 100_000)
    return ChatSettings(
        model=spec.source,
        fields=fields,
        max_tokens_field=field or None,
        longest_side=None if side is None else int(side),
    )


def request_parameters(text: str | None) -> dict[str, Any]:
    """The fields of a chat request in the option `parameters`. Raises UserError for what is no JSON object of such."""
    try:
        content = json.loads(text or "{}")
        json.dumps(content, allow_nan=False)  # no JSON that a server must take has NaN or Infinity
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or (reserved := content.keys() & set(RESERVED)):
        what = f"it may not set {min(reserved)}" if isinstance(content, dict) else "a JSON object is expected"
        raise UserError(f"--model-option parameters: {what}")
    return content


def _number(options: Mapping[str, str], name: str, low: float, high: float) -> float | None:
    """The number of an option; None without it. Raises UserError outside of its range."""
    if name not in options:
        return None
    text = options[name]
    whole = name in ("concurrency", "retries", "max_image_side")
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise UserError(f"--model-option {name}={text:.40}: {kind} from {low:g} to {high:g} is expected")
    return value


SERVER = ServerLoader()
