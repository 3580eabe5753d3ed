"""MMMU's open questions by its eval_utils.py: short answers and numbers found in free text.

A response gives several candidates: the ends of its lines after words such as `answer` or `is`, and the numbers in
them. It is right if a candidate contains a reference text, or equals a reference number to two decimals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CUES = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
LAST_LINE_CUES = (*CUES, "=")
TRIVIAL = {":", ",", ".", "!", "?", ";", "'"}
WITH_COMMAS = re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b")
SCIENTIFIC = re.compile(  # the official -?\d+..., which takes seconds where thousands of digits end in no exponent
    r"(?:-|(?<!\d))\d+(?:\.\d+)?[eE][+-]?\d+"
)
PLAIN = re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])")

Candidate = str | float


def parse_open(response: str) -> list[Candidate]:
    """All candidates of a response, normalised."""
    tails = _tails(response)
    numbers = [
        number for tail in tails for pattern in (WITH_COMMAS, SCIENTIFIC, PLAIN) for number in pattern.findall(tail)
    ]
    return [candidate for text in (*tails, *numbers) for candidate in _normalized(text)]


def open_is_right(references: Iterable[str], candidates: Sequence[Candidate]) -> bool:
    """Whether a candidate text contains a reference text, or a candidate number equals a reference number."""
    expected = [candidate for reference in references for candidate in _normalized(reference)]
    texts = [candidate for candidate in expected if isinstance(candidate, str)]
    return any(
        any(text in candidate for text in texts) if isinstance(candidate, str) else candidate in expected
        for candidate in candidates
    )


def _tails(response: str) -> list[str]:
    """The shortest end after a cue, of each line that has one; without any, the whole response."""
    response = response.strip().strip(".").lower()
    lines = response.split("\n")
    tails = []
    for number, line in enumerate(lines, 1):
        cues = LAST_LINE_CUES if number == len(lines) else CUES
        after = [line.split(cue)[-1].strip() for cue in cues if cue in line]
        shortest = ""
        for tail in after:  # as officially, an empty tail is replaced by the next one
            if not shortest or len(tail) < len(shortest):
                shortest = tail
        if shortest and shortest not in TRIVIAL:
            tails.append(shortest)
    return tails or [response]


def _normalized(text: str) -> list[Candidate]:
    """A number rounded to two decimals; a single character with a blank before or after; else lower-case text."""
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        text = text.lower()
    return [f" {text}", f"{text} "] if len(text) == 1 else [text]
