"""The nouns of an English text, by the tagger of TextBlob and the dictionary of LemmInflect.

Both carry their data in the package, so that nothing is downloaded when they run.
"""

from __future__ import annotations

from importlib.util import find_spec

from emma_eval.errors import UserError


def require_nouns() -> None:
    """Raise UserError if a package is missing."""
    for package in ("lemminflect", "textblob"):
        if find_spec(package) is None:
            raise UserError(f"nouns are found by the package {package}: pip install 'emma-eval[amber]'")


def nouns(text: str) -> tuple[str, ...]:
    """Common and proper nouns in their order, in the singular."""
    from lemminflect import getLemma
    from textblob.en.taggers import PatternTagger

    tagged = PatternTagger().tag(text)
    return tuple(getLemma(word, upos="NOUN")[0] for word, tag in tagged if tag.startswith("NN"))
