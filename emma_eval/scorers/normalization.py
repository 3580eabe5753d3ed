r"""The answer normalisation of vqaEval and its descendants, bit for bit.

All copies share one procedure: newline and tab to blanks, strip, punctuation, lower-case, number words, articles,
contractions. They differ in a few details, which a Dialect holds. vqaEval runs under Python 2.7, whose
`\d` knows ASCII digits only, whose `lower` maps one character to one by Unicode 5.2 (no final sigma, `İ` to `i`), and
for which U+180E is white space; the other copies run under Python 3.

Sources: GT-Vision-Lab/VQA vqaEval.py (VQA_EVAL), VizWiz API vqaEval.py (VIZWIZ), LLaVA m4c_evaluator.py (M4C).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

PUNCTUATION = frozenset(';/[]"{}()=+\\_-><@`,?!')
ARTICLES = frozenset(("a", "an", "the"))
NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate("zero one two three four five six seven eight nine ten".split())  # noqa: SIM905
} | {"none": "0"}

# `re.UNICODE` stands in the official code where `sub` takes its count, and its value is 32.
MAX_FULL_STOPS = 32

ASCII_DIGIT_COMMA_DIGIT = re.compile(r"[0-9],[0-9]")
ASCII_FULL_STOP = re.compile(r"\.(?![0-9])")
DIGIT_COMMA_DIGIT = re.compile(r"\d,\d")
FULL_STOP = re.compile(r"\.(?!\d)")

# Capitals that got their small letter after Unicode 5.2, which Python 2.7 therefore leaves alone.
CAPITAL_SINCE_UNICODE_6 = re.compile(
    "[\u037f\u0526-\u052e\u10c7\u10cd\u13a0-\u13f5\u1c89\u1c90-\u1cbf\u2c2f\u2cf2\ua660\ua698-\ua69a\ua78d-\ua7ff"
    "\U000104b0-\U000104d3\U00010570-\U00010595\U00010c80-\U00010cb2\U00010d50-\U00010d65\U000118a0-\U000118bf"
    "\U00016e40-\U00016e5f\U0001e900-\U0001e921]"
)
MONGOLIAN_VOWEL_SEPARATOR = "\u180e"  # white space until Unicode 6.2
PYTHON2_WHITESPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

# A contraction is recognised with any ONE of its apostrophes missing: "couldnt've" and "couldn'tve", never "couldntve".
# The official table has no more system than that: "shes", "lets", "id" and "were" are not in it.
_CONTRACTIONS = """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd
    he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't
    must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've
    somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's something'd
    something'd've something'll that's there'd there'd've there're there's they'd they'd've they'll they're
    they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd where's where've
    who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll
    y'all'd've you'd you'd've you'll you're you've
""".split()  # noqa: SIM905 (a hundred quoted words are no easier to read)


def _missing_one_apostrophe(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at, char in enumerate(word) if char == "'"]


CONTRACTIONS: dict[str, str] = {key: word for word in _CONTRACTIONS for key in _missing_one_apostrophe(word)} | {
    "somebody'd": "somebodyd"  # the wrong way round in the official table
}


def _with_curly_apostrophes(contractions: Mapping[str, str]) -> dict[str, str]:
    """VizWiz's table has curly apostrophes, but for a few entries at its beginning and end."""
    straight_keys = {"couldn'tve", "hadn'tve"}
    straight_words = {"ain't", "aren't", "can't", "could've", "couldn't", "we've", "where's", "who've"}

    def curl(text: str, straight: set[str]) -> str:
        return text if text in straight else text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")

    return {curl(key, straight_keys): curl(word, straight_words) for key, word in contractions.items()}


def lower_python2(text: str) -> str:
    """`unicode.lower()` of Python 2.7: character by character, by the table of Unicode 5.2."""
    if text.isascii():
        return text.lower()
    return "".join(
        char if CAPITAL_SINCE_UNICODE_6.match(char) else "i" if char == "İ" else char.lower()  # İ.lower() has two
        for char in text
    )


@dataclass(frozen=True)
class Dialect:
    """What differs between the copies of the procedure."""

    digit_comma_digit: re.Pattern[str]
    full_stop: re.Pattern[str]
    lower: Callable[[str], str]
    whitespace: str | None  # removed by `strip` and `split`; None: as in Python 3
    contractions: Mapping[str, str]


VQA_EVAL = Dialect(ASCII_DIGIT_COMMA_DIGIT, ASCII_FULL_STOP, lower_python2, PYTHON2_WHITESPACE, CONTRACTIONS)
M4C = Dialect(DIGIT_COMMA_DIGIT, FULL_STOP, str.lower, None, CONTRACTIONS)
VIZWIZ = Dialect(DIGIT_COMMA_DIGIT, FULL_STOP, str.lower, None, _with_curly_apostrophes(CONTRACTIONS))


def strip(text: str, dialect: Dialect = VQA_EVAL) -> str:
    """Replace newlines and tabs by blanks, and strip white space."""
    return text.replace("\n", " ").replace("\t", " ").strip(dialect.whitespace)


def process_punctuation(text: str, dialect: Dialect = VQA_EVAL) -> str:
    """Remove a mark that is next to a blank anywhere, or any if the text has digit-comma-digit; else blank it.

    Full stops are removed unless a digit follows, 32 of them at most.
    """
    result = text
    glue_all = "," in text and dialect.digit_comma_digit.search(text)
    for mark in PUNCTUATION.intersection(text):
        glue = glue_all or f"{mark} " in text or f" {mark}" in text
        result = result.replace(mark, "" if glue else " ")
    return dialect.full_stop.sub("", result, count=MAX_FULL_STOPS)


def process_words(text: str, dialect: Dialect = VQA_EVAL) -> str:
    """Lower-case, number words to digits, remove articles, restore apostrophes of contractions; whole words only."""
    lowered = dialect.lower(text)
    if dialect.whitespace is not None:
        lowered = lowered.replace(MONGOLIAN_VOWEL_SEPARATOR, " ")
    numbered = (NUMBER_WORDS.get(word, word) for word in lowered.split())
    return " ".join(dialect.contractions.get(word, word) for word in numbered if word not in ARTICLES)


def normalize(text: str, dialect: Dialect = VQA_EVAL) -> str:
    """An answer as the dialect's tool compares it. Not idempotent: `a.. b` changes again at a second pass."""
    return process_words(process_punctuation(strip(text, dialect), dialect), dialect)


def m4c(text: str) -> str:
    """LLaVA's EvalAIAnswerProcessor: first removes commas and question marks, and splits off `'s` (`king 's`)."""
    tokenized = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return normalize(tokenized, M4C)
