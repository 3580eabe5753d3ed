"""Parses an option letter from free text: VLMEvalKit's exact matching, without its judge model.

Source: open-compass/VLMEvalKit, vlmeval/utils/matching_util.py (`can_infer`); before that, its evaluation writes the
answers to an xlsx file and reads them back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from emma_eval.utils.table_io import PANDAS_MISSING

REFUSED = "Z"
API_FAILURE = "Failed to obtain answer via API"
REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
MARKS_TO_BLANKS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
LAST_TOKENS = 4  # the letter must be among them
# No word boundaries and no case: "The answer is cat" gives C.
ANSWER_IS = re.compile(r"(?:correct\s+)?answer\s+is\s+\**([ABCD])\**", re.IGNORECASE)

CONTROL_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f]")  # an xlsx file has them as _x000D_, and so they stay


def after_xlsx(text: str) -> str:
    """The text after it was written to an xlsx file and read back by pandas and `str`."""
    if text in PANDAS_MISSING:  # read as "no value", whose text is `nan`
        return "nan"
    return CONTROL_CHARACTER.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def infer(text: str, choices: Mapping[str, str]) -> str | None:
    """The letter of the answer, `Z` for a refusal, None if VLMEvalKit would ask a judge model.

    `choices` maps each letter to its option's text.
    """
    return infer_letter(text, choices) or infer_text(text, choices)


def infer_letter(text: str, choices: Mapping[str, str]) -> str | None:
    """By letter: the only option letter among the tokens, if near the end; else the letter of `answer is X`."""
    if API_FAILURE in text:
        return None
    if any(refusal in text for refusal in REFUSALS):
        return REFUSED
    tokens = text.translate(MARKS_TO_BLANKS).split()
    letters = [letter for letter in choices if letter in tokens]
    if len(letters) == 1 and tokens.index(letters[0]) >= len(tokens) - LAST_TOKENS:
        return letters[0]
    if not letters and REFUSED in tokens:
        return REFUSED
    match = ANSWER_IS.search(text)
    return match[1].upper() if match and match[1].upper() in choices else None


def infer_text(text: str, choices: Mapping[str, str]) -> str | None:
    """By text: the only option that the answer contains, unless the answer is longer than twice all options."""
    lowered = text.lower()
    if len(lowered) > 2 * sum(map(len, choices.values())):
        return None
    contained = [letter for letter, option in choices.items() if option.lower() in lowered]
    return contained[0] if len(contained) == 1 else None
