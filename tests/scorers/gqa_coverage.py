"""Coverage of the interval of GQA's distribution, and of its difference between two models.

    python -m tests.scorers.gqa_coverage

simulates the four rows of the table in docs/statistics.md; it takes about ten minutes.
"""

import numpy as np

from emma_eval.scorers.gqa_distribution import distribution
from emma_eval.stats.bootstrap import intervals
from emma_eval.stats.paired import compare_metrics
from emma_eval.types import SampleScore, Scores
from tests.fakes import sample

# images, questions on each, times, groups of answers, most answers of a group
SIMULATED = [(12, 5, 1000, 10, 20), (80, 5, 1000, 10, 20), (200, 1, 1000, 10, 20), (398, 32, 300, 60, 60)]
DRAWS = 4000  # whose mean is the true value


class World:
    """Very many questions on images of some scenes, and two models that prefer common answers when they are wrong."""

    def __init__(self, rng, images=4000, per=5, *, groups=10, answers=20, right=0.6):
        sizes = rng.integers(2, answers, groups)
        common = [1 / np.arange(1, size + 1) ** 1.1 for size in sizes]
        scenes = [[ours * rng.gamma(2, 0.5, len(ours)) for ours in common] for _ in range(30)]
        habits = [[ours**1.5 * rng.gamma(3, 1 / 3, len(ours)) for ours in common] for _ in range(2)]
        self.images, self.groups, self.cells = [], groups, int(sizes.max())
        for _ in range(images):
            scene, hardness = scenes[rng.integers(30)], 0.5 * rng.normal()
            rows = []
            for group in rng.integers(0, groups, 1 + rng.poisson(per - 1)):
                reference = drawn(rng, scene[group])
                chance = 1 / (1 + np.exp(hardness - np.log(right / (1 - right))))
                answers = [reference if rng.random() < chance else drawn(rng, habit[group]) for habit in habits]
                rows.append((group, reference, *answers))
            self.images.append(np.array(rows))

    def draw(self, rng, images):
        """Rows (image, group, reference, answers) of so many images."""
        chosen = [self.images[i] for i in rng.integers(0, len(self.images), images)]
        numbers = np.repeat(np.arange(images), [len(rows) for rows in chosen])
        return np.column_stack([numbers, np.concatenate(chosen)])

    def value(self, rows, model=0):
        """The distribution by its formula, written with arrays."""
        shape = (self.groups, self.cells)
        reference_counts = np.zeros(shape)
        given = np.zeros(shape)
        np.add.at(reference_counts, (rows[:, 1], rows[:, 2]), 1)
        np.add.at(given, (rows[:, 1], rows[:, 3 + model]), 1)
        squares = np.divide(
            (given - reference_counts) ** 2, reference_counts, out=np.zeros(shape), where=reference_counts > 0
        ).sum(axis=1)
        return (squares * reference_counts.sum(axis=1)).sum() / reference_counts.sum() / 100


def drawn(rng, weights):
    return int(np.searchsorted(weights.cumsum(), rng.random() * weights.sum()))


def scored(rows, model=0):
    """The rows as samples and their scores."""
    samples = [
        sample(str(i), str(reference), groups={"global": str(group)}, image=str(image))
        for i, (image, group, reference, *_) in enumerate(rows)
    ]
    answers = [str(row[3 + model]) for row in rows]
    scores = [
        SampleScore(one.id, float(one.references[0] == text), text, cluster=one.meta["image"])
        for one, text in zip(samples, answers, strict=True)
    ]
    return samples, scores


def scores_of(rows, model=0):
    samples, scores = scored(rows, model)
    return Scores((distribution(samples, scores, range(len(samples))),), tuple(scores), cluster_unit="image")


def coverage(images, per, times, groups, answers):
    """Shares of intervals that cover the true value: of one model, and of the difference."""
    rng = np.random.default_rng(7)
    world = World(rng, per=per, groups=groups, answers=answers)
    drawn = (world.draw(rng, images) for _ in range(DRAWS))
    first, second = np.mean([(world.value(rows), world.value(rows, 1)) for rows in drawn], axis=0)
    held = np.zeros(2)
    for _ in range(times):
        rows = world.draw(rng, images)
        scores = scores_of(rows), scores_of(rows, 1)
        (low, high), (pair,) = intervals(scores[0])[0], compare_metrics(*scores)
        held += low <= first <= high, pair.interval[0] <= second - first <= pair.interval[1]
    return held / times


if __name__ == "__main__":
    for row in SIMULATED:
        one, difference = coverage(*row)
        print(f"{row[0]} images of {row[1]}, {row[2]:,} times: {one:.1%}, difference {difference:.1%}", flush=True)
