"""The failures that are not bugs, all EmmaEvalErrors: a user's mistake, a sample that cannot be answered."""

from __future__ import annotations

import os
import re

# Control characters, Unicode's line ends and bidirectional overrides, except tabs and plain line ends.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_LONGEST = 3000  # characters
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")  # user and password in an address
_SIGNED = re.compile(  # the part of an address that opens a file to whoever has it
    r"([?&][\w.~-]*(?:token|sig|key|secret|passw|credential|policy)[\w.~-]*=)[^\s&'\"]+", re.I
)
_SECRET_VARIABLE = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|KEY|CREDENTIALS?)$")
_SHORTEST_SECRET = 8  # letters; shorter ones stand for none, such as EMPTY


class EmmaEvalError(Exception):
    """What is no fault of this program. Its message is one line, safe to print and the same in every run."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class UserError(EmmaEvalError):
    """A mistake that the user can mend. The command line prints the message alone and exits with 2.

    The message is one readable line that names the file, key or sample and says how to mend it.
    """


class EmmaEvalWarning(UserWarning):
    """What a Python program should know of, and may silence: data that are gone, a run that cannot be resumed."""


class SampleError(EmmaEvalError):
    """One sample cannot be answered (an unreadable image, say). The run records the reason and goes on."""


class MissingToolError(UserError):
    """An optional program or package is not installed; the message says how to install it."""


def printable(text: str) -> str:
    r"""The text with control characters escaped (ESC as `\x1b`), except tabs and line ends.

    Text from files must not move a terminal's cursor, colour it or reverse its writing. Characters that JSON may hold
    unescaped become `\u009b` and the like, so that JSON stays JSON.
    """
    return _CONTROL.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 32 else f"\\u{ord(character):04x}"


def without_secrets(text: str) -> str:
    """The text without passwords and signatures in addresses, and what environment variables such as HF_TOKEN hold.

    Libraries repeat the address that they failed at, a mirror's with its password or a signed one.
    """
    text = _SIGNED.sub(r"\1...", _CREDENTIALS.sub("", text)) if "://" in text else text
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST_SECRET and value in text and _SECRET_VARIABLE.search(name.upper()):
            text = text.replace(value, f"[{name}]")
    return text


def one_line(message: str) -> str:
    """A message in one printable line, without secrets and the memory addresses that Python's reprs have.

    A long one, which repeats a long value of a file, loses its middle: the beginning says where, the end how to mend.
    """
    line = printable(_ADDRESS.sub("", without_secrets(message)).replace("\n", " ").replace("\r", " "))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} [...] {line[-_LONGEST // 2 :]}"
