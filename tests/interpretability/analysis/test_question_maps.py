"""Where two questions move the visual tokens of an image, against the checkpoint's own tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emma_eval.interpretability.analysis.question_maps import MapBuilder, relative_distance
from emma_eval.interpretability.analysis.question_pairs import find_pairs
from tests.interpretability.analysis.subjects import EMMA, load, questions, subject
from tests.tiny_checkpoint import TOKENS


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    return load(tmp_path_factory.mktemp("tiny"))


def test_a_distance_is_relative_to_the_mean_of_both_norms():
    one = torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    two = torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0], [-2.0, 0.0]])
    np.testing.assert_allclose(relative_distance(one, two), [0, 2**0.5, 0, 2])


def test_what_questions_change_before_the_projector_is_the_same_for_every_image(runner):
    """A1 - A2 = Wt (E1 - E2): the image's tokens cancel."""
    about = subject(runner, questions(2))
    (batch,) = about.batches()
    weight = EMMA.alignment_tensors["image_text_infusion.weight"][:, TOKENS:]
    for first in (0, 2):
        changed = batch.aligned[first] - batch.aligned[first + 1]
        expected = weight @ (batch.text[first] - batch.text[first + 1])
        torch.testing.assert_close(changed, expected, rtol=1e-4, atol=1e-4)
        assert expected.norm() > 0.1


def test_the_maps_of_pairs_that_lie_in_two_batches(runner, monkeypatch):
    monkeypatch.setattr("emma_eval.interpretability.analysis.subject.BATCH", 3)
    about = subject(runner, questions(3))
    pairs = find_pairs(about.items)
    builder = MapBuilder(about.model, pairs)
    aligned = []
    for batch in about.batches():
        builder.add(batch)
        aligned += batch.aligned
    assert sorted(builder.maps) == [0, 1, 2]
    for number, pair in enumerate(pairs):
        one, two = aligned[pair.first], aligned[pair.second]
        expected = (one - two).norm(dim=1) / ((one.norm(dim=1) + two.norm(dim=1)) / 2)
        np.testing.assert_allclose(builder.maps[number].aligned, expected, rtol=1e-5)
        embedded = [about.model.project(tokens[None])[0] for tokens in (one, two)]
        expected = (embedded[0] - embedded[1]).norm(dim=1) / (sum(part.norm(dim=1) for part in embedded) / 2)
        np.testing.assert_allclose(builder.maps[number].embedded, expected.detach(), rtol=1e-4)
        if number:
            before = about.model.project(aligned[pairs[number - 1].first][None])[0]
            expected = relative_distance(embedded[0], before)
            np.testing.assert_allclose(builder.maps[number].other_image, expected, rtol=1e-4)
    assert builder.maps[0].other_image is None
    means = dict(builder.means())
    np.testing.assert_allclose(
        means["before the projector"], np.mean([one.aligned for one in builder.maps.values()], axis=0)
    )
