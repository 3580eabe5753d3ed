"""Captions by pycocoevalcap: BLEU, METEOR, ROUGE-L and CIDEr after the Penn Treebank tokenizer.

Tokenizer and METEOR are Java programs inside pycocoevalcap. All four metrics depend on the tokenizer, so without Java
there is no score. SPICE is left out: it downloads a parser when it runs.

Reads of a Sample: `references` (the reference captions).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

from emma_eval.errors import UserError
from emma_eval.registry import needs
from emma_eval.scorers.common import require_references
from emma_eval.scorers.meteor import meteor
from emma_eval.types import Answers, Metric, Ratio, Sample, SampleScore, Scores

Tokenized = dict[int, list[str]]  # index of a sample -> its captions, tokens separated by blanks
NGRAMS = 4
STANDARD_ERROR = 2  # file descriptor, which Java inherits
# Added by pycocoevalcap's BLEU to numerators and denominators, so that none is 0.
TINY, SMALL = 1e-15, 1e-9


def require_captioning() -> None:
    """Raise UserError if pycocoevalcap or Java is missing."""
    from importlib.util import find_spec

    if find_spec("pycocoevalcap") is None:
        raise UserError("captions are scored by the package pycocoevalcap: pip install 'emma-eval[captions]'")
    if shutil.which("java") is None:
        raise UserError(
            "captions are scored by the Penn Treebank tokenizer and METEOR, which are Java programs, and there is no "
            "`java` on the PATH: install a Java runtime (apt install default-jre-headless)"
        )


@needs(require_captioning)
def captions(samples: Sequence[Sample], answers: Answers) -> Scores:
    """CIDEr, BLEU-1 to 4, METEOR and ROUGE-L (fractions, as the tool gives them; CIDEr goes up to 10).

    A missing answer is an empty caption. A sample's score is its ROUGE-L. Raises UserError without pycocoevalcap or
    Java.
    """
    require_references(samples)
    require_captioning()
    texts = [answers[sample.id, 0].text if (sample.id, 0) in answers else "" for sample in samples]
    try:
        references = tokenize([sample.references for sample in samples])
        hypotheses = tokenize([(text,) for text in texts])
        metrics, scores = _metrics(references, hypotheses)
    except (OSError, ValueError) as error:
        raise UserError(
            f"pycocoevalcap's tokenizer or METEOR failed: {error}; check that `java` runs, and that the folder of the "
            "package pycocoevalcap can be written to"
        ) from error
    sample_scores = [
        SampleScore(sample.id, score, hypotheses[index][0], "answered" if (sample.id, 0) in answers else "missing")
        for index, (sample, score) in enumerate(zip(samples, scores, strict=True))
    ]
    return Scores(tuple(metrics), tuple(sample_scores))


def tokenize(texts: Sequence[Sequence[str]]) -> Tokenized:
    """Each caption lower-cased and without punctuation, by the Penn Treebank tokenizer.

    The tokenizer works line by line: a line break of any kind within a caption would shift all captions after it.
    Raises ValueError, with what it printed, if it gives another number of captions than it got.
    """
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    clean = {index: [{"caption": " ".join(text.splitlines())} for text in own] for index, own in enumerate(texts)}
    with _capture_standard_error() as captured:
        tokenized: Tokenized = PTBTokenizer().tokenize(clean)
        if [len(own) for own in tokenized.values()] != [len(own) for own in texts]:
            captured.seek(0)
            words = " ".join(captured.read().decode(errors="replace").split()) or "no reason"
            raise ValueError(f"the tokenizer gave another number of captions than it got, and as reason: {words:.400}")
    return tokenized


@contextmanager
def _capture_standard_error() -> Iterator[IO[bytes]]:
    """A file that receives what this process and its children write to standard error, instead of the screen."""
    with TemporaryFile() as captured:
        screen = os.dup(STANDARD_ERROR)
        os.dup2(captured.fileno(), STANDARD_ERROR)
        try:
            yield captured
        finally:
            os.dup2(screen, STANDARD_ERROR)
            os.close(screen)


def _metrics(references: Tokenized, hypotheses: Tokenized) -> tuple[list[Metric], list[float]]:
    """All metrics, and each sample's ROUGE-L."""
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    cider, ciders = Cider().compute_score(references, hypotheses)
    rouge, rouges = Rouge().compute_score(references, hypotheses)
    n, scores = len(references), [float(value) for value in rouges]
    cider_scores = Ratio([float(value) for value in ciders])
    metrics = [
        Metric("cider", float(cider), n, "fraction", ratios=(cider_scores,), value_is_bounded=False),  # up to 10
        *_bleu(references, hypotheses),
        meteor(references, hypotheses),
        Metric("rouge_l", float(rouge), n, "fraction", ratios=(Ratio(scores),)),
    ]
    return metrics, scores


def _bleu(references: Tokenized, hypotheses: Tokenized) -> list[Metric]:
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer

    scorer = BleuScorer(n=NGRAMS)
    for index, captions in references.items():
        scorer += (hypotheses[index][0], captions)
    scores, _ = scorer.compute_score(option="closest")
    counts, n = scorer.ctest, len(references)
    matches = [
        _ratio([count["correct"][k] for count in counts], [count["guess"][k] for count in counts])
        for k in range(NGRAMS)
    ]
    lengths = _ratio([count["testlen"] for count in counts], [_closest_length(count) for count in counts])
    return [
        Metric(f"bleu_{k}", score, n, "fraction", ratios=(*matches[:k], lengths), aggregate="bleu")
        for k, score in enumerate(scores, 1)
    ]


def _ratio(numerator: Sequence[int], denominator: Sequence[int]) -> Ratio:
    n = len(numerator)
    return Ratio([value + TINY / n for value in numerator], [value + SMALL / n for value in denominator])


def _closest_length(count: dict[str, Any]) -> int:
    """The reference length nearest to the caption's, the smaller one of two."""
    lengths: Sequence[int] = count["reflen"]
    return min(lengths, key=lambda length: (abs(length - count["testlen"]), length))
