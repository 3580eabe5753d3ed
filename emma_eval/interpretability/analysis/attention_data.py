"""Attention of all samples' answers, with and without alignment, and its means by kind of token and by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.engine import Engine
from emma_eval.interpretability.ablated_model import with_weights
from emma_eval.interpretability.analysis.means import Mean, column_means
from emma_eval.interpretability.analysis.section import Floats
from emma_eval.interpretability.analysis.subject import Item, Subject
from emma_eval.interpretability.attention import AnswerAttention, AnswerIds, measure_attention
from emma_eval.interpretability.token_kinds import KINDS, Kind
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Generation, InferenceStats, Request
from emma_eval.utils.progress_bars import track

ALL = "all"  # samples of all tasks together


@dataclass(slots=True)
class Collected:
    """Attention of the samples' answers for one setting of the weights. S samples, L layers."""

    by_kind: dict[int, Floats] = field(default_factory=dict)  # sample -> (L, kinds)
    tokens: dict[int, Floats] = field(default_factory=dict)  # sample -> (kinds,)
    shown: dict[int, Floats] = field(default_factory=dict)  # sample to be drawn -> (L, N)
    image: Floats | None = None  # (L, N) sum over samples
    left_out: dict[int, str] = field(default_factory=dict)

    def add(self, index: int, found: AnswerAttention | str, shown: bool) -> None:
        """Take in one sample; its map is kept only if it is to be drawn."""
        if isinstance(found, str):
            self.left_out[index] = found
            return
        self.by_kind[index], self.tokens[index] = found.by_kind, found.tokens
        self.image = found.image if self.image is None else self.image + found.image
        if shown:
            self.shown[index] = found.image


@dataclass(frozen=True, slots=True)
class KindMean:
    """Attention to one kind of token, over a task's samples; a layer of None is the mean over all layers."""

    task: str
    layer: int | None
    kind: Kind
    tokens: float  # how many a row sees, on average
    share: Mean  # of the attention of a row, percent
    even: Mean | None  # attention to a token, over what each would get if all got the same; None without tokens
    share_off: Mean | None = None  # without alignment; None of a model that has none
    even_off: Mean | None = None
    difference: Mean | None = None  # of the shares, with less without


@dataclass(frozen=True, slots=True)
class AttentionData:
    """What was measured, of the samples that have attention in every setting."""

    samples: tuple[int, ...]  # indices of the subject's items
    full: Collected
    off: Collected | None  # without alignment; the same answers are read
    answers: Mapping[int, AnswerIds]
    left_out: Mapping[str, int]  # why samples have no attention -> how many
    other_answers: int  # samples whose answer differs from the run's


def collect(subject: Subject, shown: Sequence[int]) -> AttentionData:
    """Measure the attention of every item's answer; maps are kept of the `shown` items alone."""
    requests = [item.request for item in subject.items]
    generations = generate(subject.engine or BatchedEngine(subject.runner), requests)
    end = subject.runner.eos_ids
    answers = {index: tuple(i for i in one.token_ids if i not in end) for index, one in generations.items()}
    full = _collect(subject.runner, requests, answers, shown, "attention")
    off = None
    if subject.has_alignment:
        without = with_weights(subject.runner, "alignment_off")
        without.vision_cache = subject.runner.vision_cache
        off = _collect(without, requests, answers, shown, "attention, alignment off")
    settings = [full] if off is None else [full, off]
    measured = [index for index in range(len(requests)) if all(index in one.by_kind for one in settings)]
    reasons = Counter({**(off.left_out if off else {}), **full.left_out}.values())
    others = sum(generations[index].text != subject.items[index].answer for index in measured)
    return AttentionData(tuple(measured), full, off, answers, dict(reasons), others)


def generate(engine: Engine, requests: Sequence[Request]) -> dict[int, Generation]:
    """The answers to requests by index; those without one are absent."""
    outcomes = engine.generate(requests, InferenceStats())
    followed = track(outcomes, len(requests), "answers")
    return {index: outcome for index, outcome in followed if isinstance(outcome, Generation)}


def _collect(
    runner: ModelRunner[EmmaModel],
    requests: Sequence[Request],
    answers: Mapping[int, AnswerIds],
    shown: Sequence[int],
    what: str,
) -> Collected:
    collected, drawn = Collected(), set(shown)
    for index, found in track(measure_attention(runner, requests, answers, None), len(requests), what):
        collected.add(index, found, index in drawn)
    return collected


def kind_means(data: AttentionData, items: Sequence[Item]) -> list[KindMean]:
    """Of every task and of all together the means over layers, and of all together those of each layer."""
    tasks = list(dict.fromkeys(items[index].task for index in data.samples))
    groups = {task: [index for index in data.samples if items[index].task == task] for task in tasks}
    if len(tasks) != 1:
        groups[ALL] = list(data.samples)
    found = [one for task, indices in groups.items() for one in _means(data, items, task, indices, None)]
    layers = len(next(iter(data.full.by_kind.values())))
    every = list(groups)[-1]
    for layer in range(layers):
        found += _means(data, items, every, groups[every], layer)
    return found


def _means(
    data: AttentionData, items: Sequence[Item], task: str, indices: Sequence[int], layer: int | None
) -> list[KindMean]:
    """A mean for each kind, over the samples of `indices`."""
    tokens = np.array([data.full.tokens[index] for index in indices])  # (S, kinds)
    shares = [_shares(setting, indices, layer) for setting in (data.full, data.off) if setting is not None]
    columns: list[Floats] = []
    with np.errstate(divide="ignore", invalid="ignore"):  # a kind without tokens has no attention for each: 0 / 0
        for share in shares:
            columns += [100 * share, share / tokens * tokens.sum(axis=1, keepdims=True)]
    columns += [100 * (shares[0] - shares[1])] if data.off else []
    found = column_means(np.concatenate(columns, axis=1), [items[index].cluster for index in indices])
    by_kind = [found[number :: len(KINDS)] for number in range(len(KINDS))]
    return [
        KindMean(task, layer, kind, float(tokens[:, number].mean()), *by_kind[number])  # type: ignore[arg-type]
        for number, kind in enumerate(KINDS)
    ]


def _shares(setting: Collected, indices: Sequence[int], layer: int | None) -> Floats:
    """(S, kinds) of one layer, or the mean over all."""
    shares = np.array([setting.by_kind[index] for index in indices])  # (S, L, kinds)
    found: Floats = shares.mean(axis=1) if layer is None else shares[:, layer]
    return found
