"""MMMU's open questions by its eval_utils.py: short answers and numbers found in free text.

A response gives several candidates: the tails of its lines after words such as `answer` or `is`, and the numbers in
them. It is right if a candidate holds the gold text, or is the gold number to two places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CUES = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
LAST_LINE_CUES = (*CUES, "=")
TRIVIAL = {":", ",", ".", "!", "?", ";", "'"}
WITH_COMMAS = re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b")
SCIENTIFIC = re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+")
PLAIN = re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])")

Candidate = str | float


def parse_open(response: str) -> list[Candidate]:
    """All candidates of a response, normalised."""
    tails = _tails(response)
    numbers = [
        number for tail in tails for pattern in (WITH_COMMAS, SCIENTIFIC, PLAIN) for number in pattern.findall(tail)
    ]
    return [candidate for text in (*tails, *numbers) for candidate in _normalized(text)]


def open_is_right(gold: Iterable[str], candidates: Sequence[Candidate]) -> bool:
    """Whether a candidate text holds a gold text, or a candidate number is a gold number."""
    truths = [truth for text in gold for truth in _normalized(text)]
    texts = [truth for truth in truths if isinstance(truth, str)]
    return any(
        any(truth in candidate for truth in texts) if isinstance(candidate, str) else candidate in truths
        for candidate in candidates
    )


def _tails(response: str) -> list[str]:
    """The shortest tail after a cue of each line that has one; without any, the whole response."""
    response = response.strip().strip(".").lower()
    lines = response.split("\n")
    tails = []
    for number, line in enumerate(lines, 1):
        cues = LAST_LINE_CUES if number == len(lines) else CUES
        after = [line.split(cue)[-1].strip() for cue in cues if cue in line]
        shortest = ""
        for tail in after:  # an empty tail gives way to the next one, whatever its length
            if not shortest or len(tail) < len(shortest):
                shortest = tail
        if shortest and shortest not in TRIVIAL:
            tails.append(shortest)
    return tails or [response]


def _normalized(text: str) -> list[Candidate]:
    """A number rounded to two places; a single character with a blank at either side; else the text in lower case."""
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        text = text.lower()
    return [f" {text}", f"{text} "] if len(text) == 1 else [text]
