"""The file robustness.json. Shares and differences of shares are fractions; every interval is of 95%."""

from __future__ import annotations

from pydantic import Field

from emma_eval.robustness.calibration import Calibration
from emma_eval.types import Unit
from emma_eval.utils.records import Record

SCHEMA_VERSION = 1


class Share(Record):
    """A share of samples."""

    value: float
    interval: tuple[float, float] | None = Field(description="None where the samples do not tell one")
    samples: int


class Difference(Record):
    """A share in the variant and in the original, on the same samples."""

    original: float
    value: float
    difference: float = Field(description="variant less original")
    interval: tuple[float, float] = Field(description="of the difference")
    p: float = Field(description="not corrected")
    test: str


class MetricDifference(Difference):
    """The same of a metric in its own unit."""

    name: str
    unit: Unit


class VariantResult(Record):
    """A variant on a task, compared with the original on the samples that it asks."""

    variant: str
    family: str
    asked: int = Field(description="samples")
    left_out: dict[str, int] = Field(description="reason -> samples that the variant does not ask")
    score: Difference = Field(description="the mean of the samples' scores")
    p_holm: float = Field(description="of the score, corrected for the variants of the task")
    metric: MetricDifference | None = Field(
        description="the task's primary metric; None where right answers are flipped, or it can't be computed"
    )
    right_to_wrong: int = Field(description="samples that score lower than in the original")
    wrong_to_right: int = Field(description="samples that score higher")
    both_right: Share = Field(description="samples with the full score in both")
    consistency: Share = Field(description="samples whose two answers agree in meaning")
    unread: int = Field(description="samples of which one answer's meaning is not known; they do not agree")
    yes: Difference | None = Field(description="the share of answers that say yes; None where no answers do")


class FamilyResult(Record):
    """All variants of a family together: of each sample the original and those of them that ask it."""

    family: str
    variants: tuple[str, ...]
    answers: int = Field(description="of the variants")
    consistency: Share = Field(description="samples whose answers, the original's among them, all agree in meaning")
    always_right: Share = Field(description="samples with the full score in all of them")


class LetterShare(Record):
    """How often a letter is chosen, and how often it is right."""

    letter: str
    chosen: float
    interval: tuple[float, float] | None
    right: float
    difference: float = Field(description="chosen less right")
    difference_interval: tuple[float, float] | None
    recall: float | None = Field(description="of the answers where it is right, those that choose it")


class PositionBias(Record):
    """Which letters are chosen, of the answers that give one."""

    orders: tuple[str, ...] = Field(description="the runs that are counted together")
    answers: int = Field(description="with a letter, all passes counted")
    unread: int = Field(description="without one")
    same_option: Share | None = Field(
        description="samples for which all answers choose one text; None where each has one answer alone"
    )
    recall_deviation: float | None = Field(description="standard deviation of the letters' recalls")
    letters: tuple[LetterShare, ...]


class CorruptionMean(Record):
    """The mean over several corruptions of the image, compared with the original on the same samples."""

    of: str = Field(description="which: all, a severity, or a kind")
    variants: int
    score: Difference = Field(description="the mean over these of a sample's scores")
    worst: str = Field(description="the variant with the lowest score")


class TaskCalibration(Record):
    """Confidence on the task as it is: the probabilities of choices as the first token of an answer."""

    tokens: dict[str, dict[int, str]] = Field(description="choice -> the tokens that are counted as it: id -> text")
    mass: float = Field(description="mean probability that an answer begins with any of its choices")
    least_mass: float
    answer_score: float = Field(description="mean score of the same samples' answers, as the task's scorer has it")
    failed: int
    left_out: dict[str, int] = Field(description="reason -> samples without probabilities")
    numbers: Calibration


class TaskRobustness(Record):
    """All variants on one task."""

    task: str
    samples: int
    original: float = Field(description="the mean of all samples' scores")
    variants: tuple[VariantResult, ...]
    families: tuple[FamilyResult, ...]
    position_bias: tuple[PositionBias, ...]
    not_asked: dict[str, str] = Field(description="variant that asks no sample -> why")
    corruptions: tuple[CorruptionMean, ...] = Field(default=(), description="where several corruptions were asked")
    calibration: TaskCalibration | None = Field(default=None, description="None where no question has choices")


class Robustness(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    model: str = Field(description="as given")
    limit: int | None
    words: dict[str, str] = Field(description="variant -> what it is, in words")
    definitions: dict[str, str] = Field(description="variant -> its changes, as its manifest has them")
    failed: int = Field(description="samples without an answer, which count as wrong, over all runs")
    no_calibration: str = Field(default="", description="why no task has a calibration, where the model is the reason")
    tasks: tuple[TaskRobustness, ...]
