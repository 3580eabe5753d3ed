"""METEOR by its own Java program inside pycocoevalcap, and what each caption adds to it.

The program counts matched words; METEOR is the formula of Denkowski and Lavie (METEOR 1.5, WMT 2014) of these counts,
with its parameters for English. The METEOR of all captions is the formula of the summed counts, to which a caption that
equals its reference word for word adds no chunk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emma_eval.types import Metric, Ratio

CONTENT = 0.75  # delta: the weight of content words; function words have the rest
STAGES = (1.0, 0.6, 0.8, 0.6)  # words matched exactly, by stem, by synonym, by paraphrase

WordCounts = Sequence[float]  # the 23 numbers of the program's SCORE line for one caption


def meteor(references: Mapping[int, Sequence[str]], hypotheses: Mapping[int, Sequence[str]]) -> Metric:
    """The metric as pycocoevalcap computes it, of tokenized captions. Raises OSError or ValueError if Java fails."""
    from pycocoevalcap.meteor.meteor import Meteor

    all_counts: list[WordCounts] = []

    class Recording(Meteor):  # type: ignore[misc]  # pycocoevalcap has no types
        def _stat(self, hypothesis: str, references: Sequence[str]) -> str:
            line: str = super()._stat(hypothesis, references)
            all_counts.append([float(number) for number in line.split()])
            return line

    value, _ = Recording().compute_score(references, hypotheses)
    return Metric("meteor", float(value), len(all_counts), "fraction", ratios=ratios(all_counts), aggregate="meteor")


def ratios(all_counts: Sequence[WordCounts]) -> tuple[Ratio, Ratio, Ratio]:
    """Precision and recall of weighted words, and chunks over matched words; one entry a caption."""
    sides = [
        Ratio(
            [_matched(counts, side) for counts in all_counts],
            [_weighted(counts[side], counts[side + 2]) for counts in all_counts],
        )
        for side in (0, 1)  # the caption, its reference
    ]
    chunks = Ratio([_chunks(counts) for counts in all_counts], [(counts[21] + counts[22]) / 2 for counts in all_counts])
    return sides[0], sides[1], chunks


def _matched(counts: WordCounts, side: int) -> float:
    """Matched words, weighted by stage and by content or function word."""
    stages = [counts[start : start + 4] for start in range(4, 20, 4)]
    return sum(
        weight * (CONTENT * stage[side] + (1 - CONTENT) * stage[side + 2])
        for weight, stage in zip(STAGES, stages, strict=True)
    )


def _weighted(words: float, function_words: float) -> float:
    return CONTENT * (words - function_words) + (1 - CONTENT) * function_words


def _chunks(counts: WordCounts) -> float:
    words, reference_words, chunks, matched, reference_matched = (counts[i] for i in (0, 1, 20, 21, 22))
    verbatim = chunks == 1 and matched == words and reference_matched == reference_words
    return 0.0 if verbatim else chunks
