"""What a server answers: a chat reply, or trouble of one of three kinds, told apart by status, body and headers."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from emma_eval.errors import SampleError, UserError, one_line
from emma_eval.servers.retries import retry_after
from emma_eval.types import FinishReason
from emma_eval.utils.text import replace_surrogates

MAX_MESSAGE = 300  # characters of a server's message
FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
}
BUSY = (429, 503, 529)  # the server takes no work now, whatever it is
PASSING = (408, 409, 425, 500, 502, 504, *BUSY, *range(520, 528))  # worth another attempt
USERS_FAULT = (401, 402, 403, 404, 405, 407, 410, 421, 426)
NO_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_CONTENT_FILTER = re.compile(r"content[ _]?(filter|policy|management)|moderation|responsible_?ai", re.I)
_REFUSED = re.compile(r"unsupported|not support|unexpected|unrecogni[sz]ed|unknown|not permitted|extra|deprecat", re.I)

Blame = Literal["server", "either"]  # either: a request that it befalls again and again may be at fault itself


class PassingError(Exception):
    """An attempt failed in a way that another attempt may not."""

    def __init__(
        self,
        message: str,
        blame: Blame = "either",
        *,
        overload: bool = False,
        wait: float | None = None,
        nobody_there: bool = False,
    ) -> None:
        super().__init__(one_line(message))
        self.blame = blame
        self.overload = overload  # fewer requests at once might help
        self.wait = wait  # seconds that the server asks for
        self.nobody_there = nobody_there  # the address may be wrong


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The answer to one chat request."""

    text: str | None  # None: see `fault`
    finish_reason: FinishReason | None  # None: the server does not say, or in a word of its own
    prompt_tokens: int | None  # as the server counts them
    completion_tokens: int | None
    model: str  # as the server names it
    system_fingerprint: str
    seconds: float = 0.0  # of the attempt that gave it
    fault: str = ""  # why there is no text, though the server has worked for it
    is_withheld: bool = False  # whether a filter of the server held the text back


def parse_reply(body: str) -> ChatReply:
    """The reply in the body of a response with status 200.

    Raises PassingError for what is no chat reply.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PassingError(f"the reply is {_kind(body)}, not JSON", nobody_there=_is_html(body)) from error
    if not isinstance(content, dict):
        raise PassingError("the reply is no JSON object")
    if content.get("error"):
        raise PassingError(f"the reply holds an error: {server_message(body)}")
    choices = content.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise PassingError("the reply has no choices with a message")
    usage = content.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    reason = choice.get("finish_reason")
    text = _text(message)
    fault = _fault(message, text, str(reason))
    return ChatReply(
        text=None if fault or text is None else replace_surrogates(text),
        finish_reason=FINISH_REASONS.get(reason) if isinstance(reason, str) else None,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        model=_name(content.get("model")),
        system_fingerprint=_name(content.get("system_fingerprint")),
        fault=fault,
        is_withheld=reason == "content_filter",
    )


def _text(message: Mapping[str, Any]) -> str | None:
    text = message.get("content")
    if isinstance(text, list):  # some servers give it in parts
        parts = [part.get("text") for part in text if isinstance(part, dict)]
        text = "".join(part for part in parts if isinstance(part, str)) if parts else None
    return text if isinstance(text, str) else None


def _fault(message: Mapping[str, Any], text: str | None, reason: str) -> str:
    """Why the message is no answer; empty if it is one."""
    if reason == "content_filter":
        return "the server's content filter held the answer back (finish_reason content_filter)"
    if isinstance(message.get("refusal"), str) and not text:
        return f"the model refused: {message['refusal']:.{MAX_MESSAGE}}"
    if FINISH_REASONS.get(reason) == "length" and not text:
        return f"no text within the most tokens of an answer (finish_reason {reason})"
    return f"the reply has no text (finish_reason {reason:.40})" if text is None else ""


def raise_for_status(status: int, headers: Mapping[str, str], body: str, parameters: Collection[str]) -> None:
    """Raise for a response that is no answer; `parameters` are the fields of the request that a user can leave out.

    PassingError: try again. SampleError: this request alone. UserError: every request would fare so.
    """
    said = f"HTTP {status}: {server_message(body)}"
    if status == 200:
        return
    facts = _error_facts(body)
    if {facts.get("code"), facts.get("type")} & set(NO_QUOTA):
        raise UserError(f"the server's account has no quota left ({said})")
    if status in PASSING:
        busy = status in BUSY
        raise PassingError(said, "server" if busy else "either", overload=busy, wait=retry_after(headers))
    if 300 <= status < 400:
        raise UserError(
            f"the server answers with a redirect ({status}), which is not followed, because the key would go along; "
            "give the right address by --base-url"
        )
    if status < 500 and _CONTENT_FILTER.search(" ".join(facts.values())):
        raise SampleError(f"the server's content filter held the request back ({said})")
    if status in USERS_FAULT:
        raise UserError(f"{_advice(status)} ({said})")
    if status in (400, 422, 501) and (name := _refused_parameter(facts, parameters)):
        raise UserError(f"the server refuses the parameter {name}: leave it out by --model-option omit={name} ({said})")
    raise SampleError(f"the server refuses the request ({said})")


def _advice(status: int) -> str:
    if status in (401, 403, 407):
        return (
            "the server does not accept the key; EMMA_EVAL_API_KEY or the variable of --model-option key_env holds it"
        )
    if status == 402:
        return "the server asks to be paid"
    return "the server has no such model or no such address; --base-url mostly ends in /v1"


def _refused_parameter(facts: Mapping[str, str], parameters: Collection[str]) -> str:
    """The field that an error is about, if it is one that can be left out; empty for every other error."""
    message = facts.get("message", "")
    named = facts.get("param", "")
    about_length = re.search(r"context|too (large|long|many)|maximum", message, re.I)  # of this request
    if about_length:
        return ""
    if named in parameters:
        return named
    words = re.findall(r"\w+", message)
    return next((name for name in parameters if name in words), "") if _REFUSED.search(message) else ""


def _error_facts(body: str) -> dict[str, str]:
    """Message, type, code and param of the usual forms of error bodies, as far as they are texts."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {"message": body} if not _is_html(body) else {}
    error = content.get("error", content.get("detail", content)) if isinstance(content, dict) else content
    if isinstance(error, list) and error and isinstance(error[0], dict):  # as pydantic reports them
        place = error[0].get("loc")
        field = str(place[-1]) if isinstance(place, list) and place else ""
        return {"message": str(error[0].get("msg", "")), "param": field}
    if isinstance(error, dict):
        return {
            name: value for name in ("message", "type", "code", "param") if isinstance(value := error.get(name), str)
        }
    return {"message": str(error)}


def server_message(body: str) -> str:
    """What a server says about an error, in one short line."""
    if not body.strip():
        return "no message"
    if _is_html(body):
        return "an HTML page"
    message = _error_facts(body).get("message") or body
    return one_line(" ".join(replace_surrogates(message).split()))[:MAX_MESSAGE]


def _kind(body: str) -> str:
    return "empty" if not body.strip() else "an HTML page" if _is_html(body) else f"{body.strip()!r:.60}"


def _is_html(body: str) -> bool:
    return body.lstrip()[:15].lower().startswith(("<!doctype", "<html", "<head", "<body"))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _name(value: object) -> str:
    return one_line(replace_surrogates(value))[:200] if isinstance(value, str) else ""
