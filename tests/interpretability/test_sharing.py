"""What variants share is computed once, and every answer is that of a run of its own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from emma_eval.data import loading
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.interpretability.ablation import plan_ablation, run_ablation, settings_of
from emma_eval.interpretability.feature_store import FeatureStore
from emma_eval.interpretability.shared_answers import SharingEngine
from emma_eval.interpretability.variants import FULL, SHIPPED, read_variants
from emma_eval.models import load_model
from emma_eval.models.base import ModelSpec
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.multimodal.runner import VISION_CACHE_SIZE
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import RunSettings
from tests.fakes import LoadedImage, make_image, request, write_pope
from tests.tiny_checkpoint import TinyCheckpoint
from tests.tiny_datasets import mmbench

VARIANTS = read_variants(SHIPPED)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Two tasks: of images in files, and of images in rows, which are the same ones until they are read again."""
    root = tmp_path_factory.mktemp("sharing")
    write_pope(root)
    for seed, name in enumerate(("a.jpg", "b.jpg")):
        make_image(seed=seed).save(root / "pope" / "val2014" / name)
    mmbench(root)
    model = ModelSpec(str(TinyCheckpoint().write(root / "model")), "cpu", "float32")
    return RunSettings(model=model, tasks=("pope", "mmbench_en"), suite="two", data=root, allow_partial=True)


def plan(settings, variants=VARIANTS):
    return plan_ablation(settings.model, variants, chosen=True)


def answers(folder):
    lines = [json.loads(line) for path in folder.glob("responses/*.jsonl") for line in path.read_text().splitlines()]
    return {(line["prompt"], line["id"], line["pass_index"]): line | {"seconds": 0, "crc32": ""} for line in lines}


def test_every_answer_is_that_of_a_run_of_its_own(settings, tmp_path, monkeypatch):
    encoded, read = [], []
    encode, read_samples = EmmaModel.encode_images, loading.read_samples
    monkeypatch.setattr(EmmaModel, "encode_images", lambda *given: encoded.append(len(given[1])) or encode(*given))
    monkeypatch.setattr(loading, "read_samples", lambda *a, **k: read.append(1) or read_samples(*a, **k))
    run_ablation(plan(settings), settings, tmp_path / "together", PlainProgress)
    own, of_mmbench = 2, 2
    assert sum(encoded) == 2 * (own + of_mmbench) + 1  # as they are and blurred; and a blank one
    assert len(read) == len(settings.tasks)
    for name in (FULL, *VARIANTS):
        alone = tmp_path / "alone" / name
        own_settings, handle = settings_of(name, plan(settings), settings)
        run_evaluation(own_settings, alone, PlainProgress(), handle)
        together = tmp_path / "together" / name
        assert answers(together) == answers(alone), name
        assert (together / "scores.json").read_bytes() == (alone / "scores.json").read_bytes(), name
    told_apart = {name: tuple(one["text"] for one in answers(tmp_path / "alone" / name).values()) for name in VARIANTS}
    assert len(set(told_apart.values())) > 1  # or the answers would hang on nothing that a variant changes


class Counting:
    """A model that notes what it is asked to compute."""

    def __init__(self, runner):
        self.runner, self.asked = runner, []

    def __getattr__(self, name):
        return getattr(self.runner, name)

    def tokenize(self, request):
        self.asked.append(request.sample_id)
        return self.runner.tokenize(request)


def test_the_same_input_is_computed_once(tmp_path):
    runner = load_model(str(TinyCheckpoint().write(tmp_path)), device="cpu")
    shown, text = request("A <image> B", make_image()), request("A B")
    asked = [replace(one, sample_id=name) for name, one in (("image", shown), ("text", text))]
    other = [replace(one, instruction="Which one?") for one in asked]
    memory = {}

    def ask(requests, weights):
        model = Counting(runner)
        engine = SharingEngine(BatchedEngine(model), weights, memory)
        return model.asked, {index: response.text for index, response in run_requests(engine, requests)}

    computed, first = ask(asked, "as trained")
    assert sorted(computed) == ["image", "text"]
    assert ask(asked, "as trained") == ([], first)
    assert ask(asked, "text_off")[0] == ["image"]  # no weights that images pass reach a text alone
    assert ask(other, "as trained")[0] == ["image"]  # nor does an instruction
    limited = [replace(one, max_new_tokens=1) for one in asked]
    assert sorted(ask(limited, "as trained")[0]) == ["image", "text"]


def test_features_outlive_the_last_ones_that_a_run_keeps():
    images = [LoadedImage(make_image(), str(number)) for number in range(VISION_CACHE_SIZE + 3)]
    one = torch.ones(4)  # 16 bytes
    store = FeatureStore(16 * 2)
    computed = []

    def compute(missing):
        computed.extend(missing)
        return [one * images.index(image) for image in missing]

    for image in images:
        store.get_or_compute([image], compute)
    assert computed == images
    kept = [image for image in images if store.get(image) is not None]
    assert kept == [*images[:2], *images[3:]]  # the first two that fit, and the last ones
    assert torch.equal(store.get(images[1]), one)


def test_an_image_whose_features_are_kept_is_not_opened_again(tmp_path):
    runner = load_model(str(TinyCheckpoint().write(tmp_path)), device="cpu")
    asked = request("A <image> B", make_image())
    (first,) = runner.ask([asked])
    (image,) = asked.images
    features = runner.preprocess_image(image)
    assert torch.equal(features, runner.vision_cache.get(image))
    runner.vision_cache = type(runner.vision_cache)(VISION_CACHE_SIZE)  # dropped after it was prepared
    row = runner.collate([runner.tokenize(asked)])
    assert runner.generate(row, {image: features})[0][0].text == first.text
