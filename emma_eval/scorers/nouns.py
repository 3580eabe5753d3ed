"""The nouns of an English text, by the tagger of TextBlob and the dictionary of LemmInflect.

Both carry their data in the package, so that nothing is downloaded when they run.
"""

from __future__ import annotations

from emma_eval.errors import UserError


def nouns(text: str) -> tuple[str, ...]:
    """Common and proper nouns in their order, in the singular. Raises UserError where a package is missing."""
    try:
        from lemminflect import getLemma
        from textblob.en.taggers import PatternTagger
    except ImportError as error:
        raise UserError(f"nouns are found by the package {error.name}: pip install 'emma-eval[amber]'") from error
    tagged = PatternTagger().tag(text)
    return tuple(getLemma(word, upos="NOUN")[0] for word, tag in tagged if tag.startswith("NN"))
