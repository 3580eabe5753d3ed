"""MMBench with circular evaluation: a question counts when every pass, with its options rotated, is answered rightly.

Reads of a Sample: `options`, `answers` (the letter of pass 0), `category`, meta `l2_category`, `split`, `passes`
((choices by letter, answer letter) a pass) where the passes are not just `options` rotated, and `question` where a
sample is one row of a question. Answers are keyed (id, pass).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from emma_eval.scorers.arithmetic import mean
from emma_eval.scorers.common import accuracies, averaged, by_group, require_truth, unread_note
from emma_eval.scorers.option_matching import after_xlsx, infer
from emma_eval.tasks.circular import circular_passes, rotated_letter
from emma_eval.types import Answer, Answers, Metric, Ratio, Sample, SampleScore, Scores, Status

LETTERS = "ABCD"
UNREAD = "-"  # stands in `read_as` for a pass whose answer gave no letter
Matching = Literal["vlmevalkit", "exact_letters", "emma"]


def mmbench(samples: Sequence[Sample], answers: Answers, *, matching: Matching = "vlmevalkit") -> Scores:
    """Circular accuracy and vanilla accuracy (fractions): overall, by split, and by ability within all and each split.

    `vlmevalkit` is the official exact matching, after the xlsx file that the official tool writes. `exact_letters`
    wants the stripped answer to be the letter of the pass. `emma` does so too, of the passes that EMMA's script makes
    itself: it reads options up to the first missing one and turns them left; a row with none runs no pass and counts
    as right.
    """
    require_truth(samples, lambda _: LETTERS)
    read_passes = PASSES[matching]
    scored, passes, letters = [], [], []
    for sample in samples:
        rounds = list(read_passes(sample, answers))
        letters += [letter for _, letter in rounds if letter is not None]
        passes.append([right for right, _ in rounds])
        read_as = "".join(letter or UNREAD for _, letter in rounds)
        complete = all(letter is not None for _, letter in rounds)
        status: Status = "answered" if complete else "missing"
        question = sample.meta.get("question", "")
        scored.append(SampleScore(sample.id, float(all(passes[-1])), read_as, status, question))
    hits = [score.score for score in scored]
    groups = by_group(map(_groups, samples), hits)
    metrics = (
        averaged("accuracy", hits, mean, "fraction"),
        *_vanilla(passes),
        *accuracies({key: groups[key] for key in sorted(groups)}, mean, "fraction"),
    )
    return Scores(metrics, tuple(scored), (*_notes(samples, answers, passes), *unread_note(letters, tuple(LETTERS))))


def _vanilla(passes: Sequence[Sequence[bool]]) -> tuple[Metric, Metric]:
    """Accuracy without circles: of the first pass, and of all passes by themselves."""
    asked = [place for place, rounds in enumerate(passes) if rounds]
    every = [float(right) for rounds in passes for right in rounds]
    parts = Ratio([float(sum(rounds)) for rounds in passes], [float(len(rounds)) for rounds in passes])
    return (
        averaged("vanilla_accuracy", [float(passes[place][0]) for place in asked], mean, "fraction", places=asked),
        Metric("vanilla_accuracy_all_passes", mean(every), len(every), "fraction", ratios=(parts,)),
    )


Round = tuple[bool, str | None]  # (right, the letter read; "" if none could be, None if there is no answer)


def _matched_passes(sample: Sample, answers: Answers) -> Iterator[Round]:
    for pass_index, (choices, gold) in enumerate(circular_passes(sample)):
        answer = answers.get((sample.id, pass_index))
        letter = None if answer is None else infer(after_xlsx(answer.text), choices) or ""
        yield letter == gold, letter


def exact_letter_passes(sample: Sample, answers: Answers) -> Iterator[Round]:
    """The passes that were asked, answered by nothing but the letter."""
    for pass_index, (_, gold) in enumerate(circular_passes(sample)):
        letter = _bare_letter(answers.get((sample.id, pass_index)))
        yield letter == gold, letter


def emma_passes(sample: Sample, answers: Answers) -> Iterator[Round]:
    """EMMA's rounds: its answer letter moves on with the options, from wherever it was."""
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


PASSES: Mapping[Matching, Callable[[Sample, Answers], Iterator[Round]]] = {
    "vlmevalkit": _matched_passes,
    "exact_letters": exact_letter_passes,
    "emma": emma_passes,
}


def _groups(sample: Sample) -> Iterator[tuple[str, str]]:
    """By split, by ability, and by ability within a split, whose group is then `dev/category`, say."""
    split = sample.meta.get("split")
    abilities = [("category", sample.category), ("l2_category", sample.meta["l2_category"])]
    yield from abilities
    if split:
        yield "split", split
        yield from ((f"{split}/{key}", ability) for key, ability in abilities)


def _notes(samples: Sequence[Sample], answers: Answers, passes: Iterable[Sequence[bool]]) -> list[str]:
    notes = []
    gaps = sum((s.id, r) not in answers for s, rounds in zip(samples, passes, strict=True) for r in range(len(rounds)))
    if gaps:
        notes.append(f"{gaps} passes have no answer; a question fails with any of its passes")
    none_run = sum(not rounds for rounds in passes)
    if none_run:
        notes.append(f"{none_run} questions have no option to ask with, run no pass, and count as right")
    return notes
