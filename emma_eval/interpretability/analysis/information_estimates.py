"""Estimates of the information in visual features about the targets of each task, with their errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emma_eval.interpretability.analysis.labels import answer_label, reference_label
from emma_eval.interpretability.analysis.nearest_neighbours import NEIGHBOURS, entropy, kraskov, prepared, ross
from emma_eval.interpretability.analysis.section import Floats
from emma_eval.interpretability.analysis.subject import Item

BEFORE, AFTER, TEXT = "before", "after", "text"  # features: visual ones, and the instruction's
REFERENCE, ANSWER, INSTRUCTION = "reference answer", "model's answer", "instruction"  # targets
DIMENSIONS = 8  # of the projection
OTHER_DIMENSIONS = (4, 16)  # how much the choice matters
LEAST_SAMPLES = 60  # of a task
LEAST_OF_LABEL = 4 * NEIGHBOURS  # samples of a label, so that half of them are still more than k
SHUFFLES, HALVES = 30, 30
Z = 1.959964  # of 95%
TOO_FEW_LABELS = f"fewer than two labels of {LEAST_OF_LABEL} samples, or than {LEAST_SAMPLES} samples with such a label"
TOO_FEW_INSTRUCTIONS = f"one instruction alone, or fewer than {LEAST_SAMPLES} samples"

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Target:
    """What the visual features of a task may tell about."""

    task: str
    name: str
    samples: Integers  # indices of the items that have one
    labels: Integers | None  # of these samples; None: the instruction, whose features are a vector
    problem: str = ""  # why nothing can be estimated


@dataclass(frozen=True, slots=True)
class Change:
    """After less before, in bits."""

    value: float
    error: float  # standard error

    @property
    def interval(self) -> tuple[float, float]:
        """95%, of the normal distribution."""
        return self.value - Z * self.error, self.value + Z * self.error


@dataclass(frozen=True, slots=True)
class Estimate(Change):
    """Mutual information in bits, with what is needed to judge it."""

    shuffled: Floats  # values with the target shuffled, (SHUFFLES,)
    by_dimensions: Mapping[int, float]  # with other numbers of directions


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What the features of a task tell about one target."""

    target: Target
    bound: float | None  # the target's entropy, bits; None for a vector
    before: Estimate
    after: Estimate | None  # None: the model has no alignment
    change: Change | None  # likewise


def find_targets(items: Sequence[Item], *, has_alignment: bool) -> Iterator[Target]:
    """The targets of every task, those with a problem too. The instruction is one where the model aligns with it."""
    for task in dict.fromkeys(item.task for item in items):
        of_task = [index for index, item in enumerate(items) if item.task == task]
        for name in (REFERENCE, ANSWER):
            yield _label_target(items, task, name, of_task)
        if has_alignment:
            several = len({items[index].request.instruction for index in of_task}) > 1
            problem = "" if len(of_task) >= LEAST_SAMPLES and several else TOO_FEW_INSTRUCTIONS
            yield Target(task, INSTRUCTION, np.array(of_task), None, problem)


def _label_target(items: Sequence[Item], task: str, name: str, of_task: Sequence[int]) -> Target:
    found = {
        index: reference_label(items[index].sample)
        if name == REFERENCE
        else answer_label(items[index].sample, items[index].answer)
        for index in of_task
    }
    labelled = {index: label for index, label in found.items() if label is not None}
    if not labelled:
        return Target(task, name, np.zeros(0, np.int64), None, "references are held back")
    _, numbers, counts = np.unique(list(labelled.values()), return_inverse=True, return_counts=True)
    kept = counts[numbers] >= LEAST_OF_LABEL
    enough = kept.sum() >= LEAST_SAMPLES and (counts >= LEAST_OF_LABEL).sum() > 1
    samples = np.array(list(labelled), dtype=np.int64)[kept]
    return Target(task, name, samples, numbers[kept].astype(np.int64), "" if enough else TOO_FEW_LABELS)


def estimate(target: Target, features: Mapping[str, Floats], clusters: Sequence[str], seed: int) -> TargetResult:
    """Before and after alignment, on the same shuffles and halves.

    `features` are the projected features of all items: (n, 16) each; `clusters` of all items. The standard error is the
    delete-half jackknife's over clusters (Shao and Wu, Annals of Statistics 17:3, 1989): the standard deviation of
    estimates on halves of the clusters, drawn without replacement.
    """
    generator = np.random.default_rng([abs(seed), 2])
    count = len(target.samples)
    own = {name: found[target.samples] for name, found in features.items()}
    numbers = np.unique([clusters[index] for index in target.samples], return_inverse=True)[1]
    halves = [_half(numbers, generator) for _ in range(HALVES)]
    shuffles = [generator.permutation(count) for _ in range(SHUFFLES)]
    whole = np.arange(count)
    found: dict[str, Estimate] = {}
    of_halves: dict[str, Floats] = {}
    for name in (BEFORE, AFTER):
        if name in own:
            information = _Information(own[name], own.get(TEXT), target.labels)
            of_halves[name] = np.array([information(half, half) for half in halves])
            found[name] = Estimate(
                information(whole, whole),
                float(of_halves[name].std()),
                np.array([information(whole, other) for other in shuffles]),
                {number: information(whole, whole, number) for number in OTHER_DIMENSIONS},
            )
    before, after = found[BEFORE], found.get(AFTER)
    error = float((of_halves[AFTER] - of_halves[BEFORE]).std()) if after else 0.0
    return TargetResult(
        target,
        None if target.labels is None else entropy(target.labels),
        before,
        after,
        Change(after.value - before.value, error) if after else None,
    )


@dataclass(frozen=True, slots=True)
class _Information:
    """The estimator of one kind of features."""

    visual: Floats
    text: Floats | None
    labels: Integers | None

    def __call__(self, samples: Integers, targets: Integers, dimensions: int = DIMENSIONS) -> float:
        """Of the features of `samples` with the targets of `targets`, which are other samples' in a shuffle."""
        visual = self.visual[samples, :dimensions]
        if self.labels is None:
            assert self.text is not None
            return kraskov(prepared(visual, 0), prepared(self.text[targets, :dimensions], 1))
        labels = self.labels[targets]
        known, counts = np.unique(labels, return_counts=True)
        enough = np.isin(labels, known[counts > NEIGHBOURS])  # a half may hold fewer of a label
        return ross(prepared(visual[enough], 0), labels[enough])


def _half(clusters: Integers, generator: np.random.Generator) -> Integers:
    """The samples of half of the clusters, drawn without replacement."""
    number = int(clusters.max()) + 1
    kept = generator.permutation(number)[: -(-number // 2)]
    return np.flatnonzero(np.isin(clusters, kept))
