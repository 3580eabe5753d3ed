"""MMBench with circular evaluation: a question is right if every pass, with its options rotated, is.

Reads of a Sample: `options`, `references` (the letter of pass 0), `category`, meta `l2_category`, `split`, `passes`
((choices by letter, answer letter) a pass) where the passes are not just `options` rotated, and `question` where a
sample is one row of a question. Keys of answers are (id, pass index).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from emma_eval.scorers.arithmetic import mean
from emma_eval.scorers.common import group_accuracies, group_samples, mean_metric, require_references, unparsed_note
from emma_eval.scorers.option_matching import after_xlsx, infer
from emma_eval.tasks.circular import circular_passes, rotated_letter
from emma_eval.types import Answer, Answers, Metric, Ratio, Sample, SampleScore, SampleStatus, Scores

LETTERS = "ABCD"
NO_LETTER = "-"  # in `parsed_answer`, for a pass whose answer gave no letter
PassMatching = Literal["vlmevalkit", "exact_letters", "emma"]


def mmbench(samples: Sequence[Sample], answers: Answers, *, matching: PassMatching = "vlmevalkit") -> Scores:
    """Circular accuracy and vanilla accuracy (fractions): overall, by split, and by ability within all and each split.

    `vlmevalkit` is the official exact matching, applied after the xlsx file that the official tool writes.
    `exact_letters` compares the stripped answer with the letter of the pass. `emma` does the same for the passes of
    EMMA's script, which takes the options up to the first missing one and rotates them left; a row without options has
    no pass and counts as right.
    """
    require_references(samples, lambda _: LETTERS)
    read_passes = PASSES[matching]
    sample_scores, passes, letters = [], [], []
    for sample in samples:
        results = list(read_passes(sample, answers))
        letters += [letter for _, letter in results if letter is not None]
        passes.append([right for right, _ in results])
        parsed = "".join(letter or NO_LETTER for _, letter in results)
        complete = all(letter is not None for _, letter in results)
        status: SampleStatus = "answered" if complete else "missing"
        question = sample.meta.get("question", "")
        sample_scores.append(SampleScore(sample.id, float(all(passes[-1])), parsed, status, question))
    scores = [score.score for score in sample_scores]
    groups = group_samples(map(_groups, samples), scores)
    metrics = (
        mean_metric("accuracy", scores, mean, "fraction"),
        *_vanilla(passes),
        *group_accuracies({key: groups[key] for key in sorted(groups)}, mean, "fraction"),
    )
    return Scores(
        metrics, tuple(sample_scores), (*_notes(samples, answers, passes), *unparsed_note(letters, tuple(LETTERS)))
    )


def _vanilla(passes: Sequence[Sequence[bool]]) -> tuple[Metric, Metric]:
    """Accuracy without circular evaluation: of the first pass, and of all passes as questions of their own."""
    indices = [index for index, results in enumerate(passes) if results]
    every = [float(right) for results in passes for right in results]
    ratio = Ratio([float(sum(results)) for results in passes], [float(len(results)) for results in passes])
    return (
        mean_metric(
            "vanilla_accuracy", [float(passes[index][0]) for index in indices], mean, "fraction", indices=indices
        ),
        Metric("vanilla_accuracy_all_passes", mean(every), len(every), "fraction", ratios=(ratio,)),
    )


PassResult = tuple[bool, str | None]  # (right, parsed letter; "" for no letter, None for no answer)


def _matched_passes(sample: Sample, answers: Answers) -> Iterator[PassResult]:
    for pass_index, (choices, reference) in enumerate(circular_passes(sample)):
        answer = answers.get((sample.id, pass_index))
        letter = None if answer is None else infer(after_xlsx(answer.text), choices) or ""
        yield letter == reference, letter


def exact_letter_passes(sample: Sample, answers: Answers) -> Iterator[PassResult]:
    """Passes in which the answer must be nothing but the letter."""
    for pass_index, (_, reference) in enumerate(circular_passes(sample)):
        letter = _bare_letter(answers.get((sample.id, pass_index)))
        yield letter == reference, letter


def emma_passes(sample: Sample, answers: Answers) -> Iterator[PassResult]:
    """EMMA's passes: its reference letter moves left with each rotation."""
    reference, num_options = sample.references[0], len(sample.options)
    for pass_index in range(num_options):
        letter = _bare_letter(answers.get((sample.id, pass_index)))
        expected = rotated_letter(reference, pass_index, num_options) if pass_index else reference
        yield letter == expected, letter


def _bare_letter(answer: Answer | None) -> str | None:
    """The stripped answer if it is a letter, "" if it is not, None if there is none."""
    if answer is None:
        return None
    letter = answer.text.strip()
    return letter if letter in tuple(LETTERS) else ""


PASSES: Mapping[PassMatching, Callable[[Sample, Answers], Iterator[PassResult]]] = {
    "vlmevalkit": _matched_passes,
    "exact_letters": exact_letter_passes,
    "emma": emma_passes,
}


def _groups(sample: Sample) -> Iterator[tuple[str, str]]:
    """(group, category): by split, by ability, and by ability within a split (group `dev/category`, for example)."""
    split = sample.meta.get("split")
    abilities = [("category", sample.category), ("l2_category", sample.meta["l2_category"])]
    yield from abilities
    if split:
        yield "split", split
        yield from ((f"{split}/{key}", ability) for key, ability in abilities)


def _notes(samples: Sequence[Sample], answers: Answers, passes: Iterable[Sequence[bool]]) -> list[str]:
    notes = []
    gaps = sum(
        (s.id, r) not in answers for s, results in zip(samples, passes, strict=True) for r in range(len(results))
    )
    if gaps:
        notes.append(f"{gaps} passes have no answer; a question fails with any of its passes")
    without = sum(not results for results in passes)
    if without:
        notes.append(f"{without} questions have no options, so no pass was asked, and count as right")
    return notes
