"""Sections over a tiny checkpoint, against sums made by hand from its tensors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from emma_eval.interpretability.analysis.information_estimates import (
    ANSWER,
    INSTRUCTION,
    REFERENCE,
    TOO_FEW_LABELS,
    estimate,
    find_targets,
)
from emma_eval.interpretability.analysis.movement import MovementBuilder
from emma_eval.interpretability.analysis.norms import NormsBuilder
from emma_eval.interpretability.analysis.spectrum import SpectrumBuilder
from emma_eval.interpretability.analysis.subject import FeatureBatch, Item, Subject
from emma_eval.interpretability.analysis.tokens import token_kinds
from emma_eval.models import load_model
from tests.fakes import make_image, request, sample
from tests.tiny_checkpoint import POSITIONS, TOKENS, TinyCheckpoint

QUESTIONS = ("is there a dog?", "what colour is the very large cat?", "how many?")
VARIANTS = {
    "v1, all positions": TinyCheckpoint(),
    "v3, learnable tokens": TinyCheckpoint(version="v3", learnable_tokens=True),
    "without start": TinyCheckpoint(text_feature="patch"),
    "start alone": TinyCheckpoint(text_feature="cls"),
}


def subject_of(checkpoint, folder) -> Subject:
    runner = load_model(str(checkpoint.write(folder)), device="cpu")
    items = []
    for number in range(6):
        asked = request("USER: <image>\nx", make_image(seed=number // 2), instruction=QUESTIONS[number % 3])
        ids = runner.tokenize_instruction(asked.instruction) if runner.tokenize_instruction else None
        one = sample(str(number), "yes", category=("odd", "even")[number % 2])
        answer, score = ("yes", "no")[number % 2], float(number % 2)
        items.append(Item("pets", one, asked, answer, score, f"image {number // 2}", ids))
    return Subject(runner, "tiny", (), tuple(items), 0)


def built(builder, subject):
    for batch in subject.batches():
        builder.add(batch)
    return builder.finish()


def table(section, name):
    (found,) = (one for one in section.tables if one.name == name)
    return {row[0]: dict(zip(found.columns, row, strict=True)) for row in found.rows}


@pytest.mark.parametrize("checkpoint", VARIANTS.values(), ids=VARIANTS)
def test_the_parts_of_w_add_up_to_the_aligned_tokens(checkpoint, tmp_path):
    subject = subject_of(checkpoint, tmp_path)
    builder = NormsBuilder(subject)
    (batch,) = subject.batches()
    kinds = token_kinds(np.array([item.instruction_ids for item in batch.items]))
    kinds = kinds[:, list(POSITIONS[checkpoint.text_feature])]
    parts = builder._parts(batch.vision, batch.text, kinds)
    torch.testing.assert_close(sum(parts.values()), batch.aligned, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("checkpoint", VARIANTS.values(), ids=VARIANTS)
def test_norms_are_those_of_the_columns(checkpoint, tmp_path):
    subject = subject_of(checkpoint, tmp_path)
    section = built(NormsBuilder(subject), subject)
    weight = checkpoint.alignment_tensors["image_text_infusion.weight"].double().numpy()
    np.testing.assert_allclose(section.arrays["column norms, text"], np.linalg.norm(weight[:, TOKENS:], axis=0))
    np.testing.assert_allclose(section.arrays["column norms, image"], np.linalg.norm(weight[:, :TOKENS], axis=0))
    blocks = table(section, "blocks")
    assert blocks["text block Wt"]["Frobenius norm"] == pytest.approx(np.linalg.norm(weight[:, TOKENS:]))
    shares = [blocks[name]["share of W squared"] for name in ("image block Wv", "text block Wt")]
    assert sum(shares) == pytest.approx(1)
    # what one position adds, a matrix of rank one, written out
    (batch,) = subject.batches()
    column, text = torch.from_numpy(weight[:, -1]), batch.text[:, -1].double()
    by_hand = np.mean([float(torch.outer(column, one).norm()) for one in text])
    assert section.arrays["mean contribution by text position"][-1] == pytest.approx(by_hand, rel=1e-5)
    words = " ".join(section.sentences)
    assert ("start token alone" in words) == (checkpoint.text_feature == "cls")
    assert ("does not read the start" in words) == (checkpoint.text_feature == "patch")
    kinds = table(section, "text-kinds")
    counted = sum(row["tokens an instruction"] for row in kinds.values())
    assert counted == pytest.approx(len(POSITIONS[checkpoint.text_feature]))
    differing = kinds["start token"]["share that differs between samples"]
    assert differing is None or differing == pytest.approx(0, abs=1e-5)


def test_movement_is_measured_token_by_token(tmp_path):
    subject = subject_of(TinyCheckpoint(), tmp_path)
    section = built(MovementBuilder(subject), subject)
    (batch,) = subject.batches()
    before, after = batch.vision.double(), batch.aligned.double()
    cosine = (before * after).sum(2) / before.norm(dim=2) / after.norm(dim=2)
    relative = (after - before).norm(dim=2) / before.norm(dim=2)
    rows = table(section, "groups")
    assert rows["all samples"]["cosine"] == pytest.approx(float(cosine.mean()), rel=1e-5)
    assert rows["pets: even"]["relative distance"] == pytest.approx(float(relative[1::2].mean()), rel=1e-5)
    assert rows["pets: right"] | {"group": "", "by": ""} == rows["pets: even"] | {"group": "", "by": ""}
    np.testing.assert_allclose(section.arrays["cosine by visual token"], cosine.mean(0), rtol=1e-5)


def test_an_identity_moves_nothing_and_has_no_change(tmp_path):
    subject = subject_of(TinyCheckpoint(), tmp_path)
    with torch.no_grad():
        subject.alignment.image_text_infusion.weight.copy_(torch.eye(TOKENS, TOKENS + 77))
        subject.alignment.image_text_infusion.bias.zero_()
    rows = table(built(MovementBuilder(subject), subject), "groups")
    assert rows["all samples"]["relative distance"] == pytest.approx(0, abs=1e-6)
    ranks = table(built(SpectrumBuilder(subject), subject), "rank")
    assert ranks["W"]["effective rank"] == pytest.approx(TOKENS)
    assert ranks["W - [I | 0]"]["effective rank"] == ranks["text block Wt"]["effective rank"] == 0
    section = built(NormsBuilder(subject), subject)
    assert table(section, "contributions")["image, own patch"]["adds, relative to V"] == pytest.approx(1)


def many_items(count):
    """Two labels, a question each; images in pairs."""
    items = []
    for number in range(count):
        asked = request("USER: <image>\nx", make_image(seed=0), instruction=QUESTIONS[number % 2])
        label = ("cat", "dog")[number // 2 % 2]
        items.append(Item("pets", sample(str(number), label), asked, label, 1.0, f"image {number // 2}", None))
    return items


def test_information_that_alignment_adds_is_seen():
    """Features that hold the reference before, and the instruction only after."""
    items = many_items(100)
    generator = np.random.default_rng(0)
    asked = np.arange(100) % 2
    before = generator.standard_normal((100, 16))
    before[:, 0] += 4 * (np.arange(100) // 2 % 2)
    after = before + 6 * asked[:, None]
    text = asked[:, None] + 0.1 * generator.standard_normal((100, 16))
    features = {"before": before, "after": after, "text": text}
    clusters = [item.cluster for item in items]
    found = {}
    for target in find_targets(items, has_alignment=True):
        assert target.problem == ""
        found[target.name] = estimate(target, features, clusters, 0)
    reference, instruction = found[REFERENCE], found[INSTRUCTION]
    assert reference.bound == pytest.approx(1)
    assert reference.before.interval[0] > reference.before.shuffled.max()
    assert found[ANSWER].before.value == reference.before.value
    low, high = instruction.before.interval
    assert low < 0.1 < high or abs(instruction.before.value) < 0.1
    assert instruction.change.interval[0] > 0.2
    assert estimate(instruction.target, features, clusters, 0).after.value == instruction.after.value


def test_too_few_labels_are_said():
    items = [replace(item, answer=str(number)) for number, item in enumerate(many_items(70))]
    by_name = {target.name: target for target in find_targets(items, has_alignment=False)}
    assert list(by_name) == [REFERENCE, ANSWER]
    assert by_name[ANSWER].problem == TOO_FEW_LABELS
    assert by_name[REFERENCE].problem == ""
    held_back = [replace(item, sample=replace(item.sample, references=())) for item in items]
    assert next(find_targets(held_back, has_alignment=False)).problem == "references are held back"


def test_features_come_as_the_runner_computes_them(tmp_path):
    subject = subject_of(TinyCheckpoint(), tmp_path)
    (batch,) = subject.batches()
    assert isinstance(batch, FeatureBatch)
    runner = subject.runner
    prompt = runner.tokenize(subject.items[0].request)
    pixels = {image: runner.preprocess_image(image) for image in prompt.images}
    spans = [item for item in prompt.items if not isinstance(item, int)]
    (embeds,) = runner.image_embeddings(spans, pixels).values()
    torch.testing.assert_close(subject.model.project(batch.aligned)[0], embeds, rtol=1e-5, atol=1e-5)
