"""How far two questions move the visual tokens of one image apart, before and after the projector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from emma_eval.interpretability.analysis.question_pairs import Pair
from emma_eval.interpretability.analysis.section import Floats
from emma_eval.interpretability.analysis.subject import FeatureBatch
from emma_eval.models.emma.model import EmmaModel


@dataclass(frozen=True, slots=True)
class PairMap:
    """The distance of each of N visual tokens between two questions, over the mean of the two norms."""

    aligned: Floats  # (N,) of what alignment gives
    embedded: Floats  # (N,) of what the language model reads
    other_image: Floats | None  # (N,) of what it reads, to the tokens of the pair before, which are another image's


@dataclass(slots=True)
class MapBuilder:
    """Sees all items in order, in batches, and keeps of a pair's features no more than its maps."""

    model: EmmaModel
    pairs: Sequence[Pair]
    maps: dict[int, PairMap] = field(default_factory=dict)  # number of the pair -> its map
    _waiting: dict[int, Tensor] = field(default_factory=dict)  # first item of a pair -> its aligned tokens (N, Dv)
    _seen: int = 0  # items so far
    _before: Tensor | None = None  # (N, D) of the pair before

    def add(self, batch: FeatureBatch) -> None:
        """Take in a batch's aligned tokens."""
        first = {pair.first: number for number, pair in enumerate(self.pairs)}
        second = {pair.second: number for number, pair in enumerate(self.pairs)}
        for index, aligned in enumerate(batch.aligned, self._seen):
            if index in second:
                number = second[index]
                self.maps[number] = self._map(self._waiting.pop(self.pairs[number].first), aligned)
            elif index in first:
                self._waiting[index] = aligned
        self._seen += len(batch.items)

    @torch.inference_mode()
    def _map(self, one: Tensor, two: Tensor) -> PairMap:
        embedded = self.model.project(torch.stack([one, two]))
        other = None if self._before is None else relative_distance(embedded[0], self._before)
        self._before = embedded[0]
        return PairMap(relative_distance(one, two), relative_distance(*embedded), other)

    def means(self) -> Iterator[tuple[str, Floats]]:
        """Mean maps (N,) over all pairs, by name."""
        yield "before the projector", np.mean([one.aligned for one in self.maps.values()], axis=0)
        yield "as the language model reads", np.mean([one.embedded for one in self.maps.values()], axis=0)


def relative_distance(one: Tensor, two: Tensor) -> Floats:
    """|a - b| / ((|a| + |b|) / 2) of each row of two (N, D); 0 where both are zeros. Between 0 and 2."""
    first, second = one.double(), two.double()
    distance = (first - second).norm(dim=1)
    mean = (first.norm(dim=1) + second.norm(dim=1)) / 2
    found: Floats = torch.where(mean > 0, distance / mean, 0.0).cpu().numpy()
    return found
