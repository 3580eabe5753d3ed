"""Damage to bytes, and hostile values put into JSON-like content; all by given random numbers."""

from __future__ import annotations

import copy
import gzip
import random
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

Place = tuple[Any, ...]
_PAIR = re.compile(rb'("[^"\\\n]{1,80}"): ')
_NUMBER = re.compile(rb"(?<![\w.\"+-])[0-9]{1,18}(?![\w.])")

HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 1.0, 10**19, -(2**63) - 1, 2**53 + 1, 10**400, 1.5, -0.0, 1e308, float("nan"),
    float("inf"), "1", "1.0", "01", "1 ", "\u00a01", "\u0661", "e\u0301", "\u00e9", "\u200d\U0001f469", "\u2028",
    "", " ", "0", "nan", "None", "\ud800", "\0", "a\x1b[31mb", "\u202eabc", "\ufeff", "x" * 5000, "9" * 5000,
    "../../etc/passwd", "/etc/passwd", "C:\\x", "~root", "a/../../b", "=1+1", "<script>alert(1)</script>", "%s%n{}{0}",
    "<image>", "A", "yes", "\n", "\r\n", "2001-01-01",
    [], [None], [[]], {}, {"": None}, ["A", 1, None], {"a": {"b": []}},
)  # fmt: skip
INSERTED = (b"\0", b"\xff", b"\"", b"'", b"\n", b"\r", b"\t", b",", b"{", b"}", b"[", b"]", b"\xef\xbb\xbf", b"\x1b[2J",
            b"\xed\xa0\x80", b"NaN", b"1e999", b"\\u0000", b"&a ", b"*a", b"!!python/name:os.system ")  # fmt: skip
REPLACEMENTS = (
    b"", b"\0", b"\n", b"null", b"{}", b"[]", b"0", b"\xff\xfe\xfd", b"<!DOCTYPE html><html>Not found</html>",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", b"PK\x03\x04", b"[" * 50_000, b"\x1f\x8b",
)  # fmt: skip


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one thing wrong: a bit, a piece lost, doubled, moved or zeroed, another encoding, another file."""
    return rng.choice(_DAMAGES)(data, rng)


def _flip_bit(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(max(1, len(data)))
    return data[:place] + bytes(byte ^ 1 << rng.randrange(8) for byte in data[place : place + 1]) + data[place + 1 :]


def _other_byte(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(max(1, len(data)))
    return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(INSERTED) + data[place:]


def _piece(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 2, 10, 100, max(1, len(data) // 3))))


def _lose(data: bytes, rng: random.Random) -> bytes:
    start, end = _piece(data, rng)
    return data[:start] + data[end:]


def _double(data: bytes, rng: random.Random) -> bytes:
    start, end = _piece(data, rng)
    return data[:end] + data[start:]


def _zero(data: bytes, rng: random.Random) -> bytes:
    start, end = _piece(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    place = rng.randrange(len(lines) or 1)
    change = rng.choice((lambda: [], lambda: lines[place : place + 1] * 2, lambda: lines[place + 1 :] + lines[:place]))
    return b"".join([*lines[:place], *change(), *lines[place + 1 :]])


def _encode(data: bytes, rng: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: b"\xef\xbb\xbf" + data,
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-32"),
        lambda: data.replace(b"\n", b"\r\n"),
        lambda: gzip.compress(data),
        lambda: data + b"\n\n\n",
        lambda: text.upper().encode("utf-8", "replace"),
        lambda: b"\xef\xbb\xbf" * 2 + data,
        lambda: text.encode("utf-16-le"),
        lambda: text.encode("latin-1", "replace").replace(b"a", b"\xe9"),
        lambda: unicodedata.normalize("NFD", text.replace("a", "\u00e9")).encode(),
        lambda: data.replace(b"\n", b"\r"),
        lambda: data.replace(b"\n", b"\xe2\x80\xa8"),
        lambda: data.replace(b" ", b"\xc2\xa0"),
        lambda: gzip.compress(data) + gzip.compress(data),
        lambda: gzip.compress(data)[:-9],
        lambda: data + b"\x1a",
    )
    return rng.choice(ways)()


def _replace(data: bytes, rng: random.Random) -> bytes:
    return rng.choice(REPLACEMENTS)


def _key_twice(data: bytes, rng: random.Random) -> bytes:
    """A JSON object, if there is one, with a second value under one of its keys, before or behind the first."""
    found = list(_PAIR.finditer(data))
    if not found:
        return _double(data, rng)
    pair = rng.choice(found)
    again = b"%s: %s, " % (pair[1], rng.choice((b"null", b"0", b'"x"', b"[]")))
    return data[: pair.start()] + again + data[pair.start() :]


def _other_number(data: bytes, rng: random.Random) -> bytes:
    """A number written in another way: some mean the same, some are no JSON, some are beyond any."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return _insert(data, rng)
    number = rng.choice(found)
    written = rng.choice(
        (b"%s.0", b"%se0", b"0%s", b"+%s", b"%s.", b"%se400", b"-%s", b"%s_0", b"0x%s", b'"%s"', b"%s%%")
    )
    return data[: number.start()] + written.replace(b"%s", number[0]).replace(b"%%", b"%") + data[number.end() :]


def _deep(data: bytes, rng: random.Random) -> bytes:
    """A value within thousands of lists, or of objects."""
    found = list(_NUMBER.finditer(data))
    begin, end = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    if not found:
        return begin * 20_000
    number, depth = rng.choice(found), rng.choice((100, 2_000, 100_000))
    return data[: number.start()] + begin * depth + number[0] + end * depth + data[number.end() :]


def _several(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randrange(2, 6)):
        data = rng.choice((_flip_bit, _other_byte, _insert, _lose))(data, rng)
    return data


_DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip_bit, _flip_bit, _other_byte, _insert, _insert, _lose, _double, _zero, _cut, _lines, _encode, _encode,
    _replace, _several, _key_twice, _other_number, _other_number, _deep,
)  # fmt: skip


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """The place of every value within, as keys and indexes."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*place, key)
        yield from places(inner, (*place, key))


def value_at(content: Any, place: Place) -> Any:
    """The value at a place."""
    for key in place:
        content = content[key]
    return content


def with_value(content: Any, place: Place, value: Any) -> Any:
    """A copy with another value there."""
    if not place:
        return value
    content = copy.deepcopy(content)
    value_at(content, place[:-1])[place[-1]] = value
    return content


def without(content: Any, place: Place) -> Any:
    """A copy without what stands there."""
    content = copy.deepcopy(content)
    del value_at(content, place[:-1])[place[-1]]
    return content


def with_hostile_value(content: Any, rng: random.Random) -> Any:
    """A copy of JSON-like content with one value replaced or gone, or a key misspelt."""
    place = rng.choice(list(places(content)) or [()])
    kind = rng.choice(("value", "value", "value", "gone", "key"))
    if kind == "value" or not place:
        return with_value(content, place, copy.deepcopy(rng.choice(HOSTILE_VALUES)))
    if kind == "key" and isinstance(place[-1], str) and place[-1]:
        renamed = without(content, place)
        value_at(renamed, place[:-1])[misspelt(place[-1], rng)] = value_at(content, place)
        return renamed
    return without(content, place)


def misspelt(word: str, rng: random.Random) -> str:
    """A word with a letter lost, doubled or in another case."""
    place = rng.randrange(len(word))
    return rng.choice(
        (word[:place] + word[place + 1 :], word[: place + 1] + word[place:], word[:place] + word[place:].swapcase())
    )
