"""Attention of answers against transformers' own weights, and against a plain forward pass with all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from emma_eval.images.sources import ImageFile
from emma_eval.interpretability import attention
from emma_eval.interpretability.attention import AnsweredPrompt, batch_attention, measure_attention
from emma_eval.interpretability.token_kinds import KINDS, token_kinds
from emma_eval.models import load_model
from emma_eval.models.checkpoints.templates import TEMPLATES
from emma_eval.models.llama import model
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.ops.attention import attention_weights
from tests.fakes import make_image, request
from tests.tiny_checkpoint import TOKENS, TinyCheckpoint
from tests.tiny_mplug_owl2 import TinyMPlugOwl2

TINY = TinyCheckpoint(kv_heads=2)
REQUESTS = [
    request("<image>\nWhat is on the left?\nAnswer in a word.", make_image(seed=1)),
    request("<image>\nWhat is on the left? And who is it that stands there?", make_image(seed=2)),
    request("Look <image>\nand <image>\nWhat is on the left?", make_image(seed=3), make_image(seed=4)),
    request("What is on the left?"),
]
ANSWERS = {0: (70,), 1: (71, 72, 73), 2: (74, 75), 3: (76, 77, 78, 79, 80)}


@pytest.fixture(scope="module")
def emma(tmp_path_factory):
    return load_model(str(TINY.write(tmp_path_factory.mktemp("tiny"))), device="cpu")


@pytest.fixture(scope="module")
def owl(tmp_path_factory):
    return load_model(str(TinyMPlugOwl2().write(tmp_path_factory.mktemp("owl"))), device="cpu")


def embedded(runner, asked):
    """A prompt's embeddings (L, D), and the kind of each of its slots."""
    prompt = runner.tokenize(asked)
    images = iter(
        [
            runner.image_embeddings([span], {image: runner.to_pixels(image)})[span]
            for image in prompt.images
            for span in prompt.items
            if not isinstance(span, int) and span.image is image
        ]
    )
    parts, kinds = [], []
    for token, kind in zip(prompt.input_ids, token_kinds(runner, asked), strict=True):
        part = next(images) if token == IMAGE_ID else runner.model.llama.embed_tokens(torch.tensor([token]))
        parts.append(part)
        kinds += len(part) * [kind]
    return torch.cat(parts), kinds


def by_kind(attentions, kinds, answer):
    """(layers, kinds) of weights (layers, H, L, L): the mean over heads and over the rows that predict the answer."""
    kinds = [*kinds, *(len(answer) - 1) * ["answer"]]
    rows = attentions[:, :, -len(answer) :].mean(dim=(1, 2))
    return np.array([[layer[[kind == name for kind in kinds]].sum() for name in KINDS] for layer in rows])


def measured(runner, requests=REQUESTS, answers=ANSWERS, batch=None):
    return dict(measure_attention(runner, requests, answers, batch))


@torch.no_grad()
@pytest.mark.parametrize("batch", [1, 3, None])
def test_it_is_what_transformers_gives(emma, batch):
    llama = TINY.llama
    llama.set_attn_implementation("eager")
    found = measured(emma, batch=batch)
    for index, asked in enumerate(REQUESTS):
        prompt, kinds = embedded(emma, asked)
        answer = ANSWERS[index]
        read = torch.cat([prompt, llama.get_input_embeddings()(torch.tensor(answer[:-1], dtype=torch.int64))])
        weights = torch.stack(llama(inputs_embeds=read[None], output_attentions=True).attentions)[:, 0]
        np.testing.assert_allclose(found[index].by_kind, by_kind(weights, kinds, answer), atol=2e-6)
        image = [slot for slot, kind in enumerate(kinds) if kind == "image"][:TOKENS]
        expected = weights[:, :, -len(answer) :].mean(dim=(1, 2))[:, image]
        np.testing.assert_allclose(found[index].image, expected, atol=2e-6)


def test_a_row_sums_to_one_and_sees_the_prompt_and_half_of_the_answer(emma):
    found = measured(emma)
    for index, asked in enumerate(REQUESTS):
        _, kinds = embedded(emma, asked)
        np.testing.assert_allclose(found[index].by_kind.sum(axis=1), 1, atol=1e-6)
        expected = [kinds.count(name) for name in KINDS[:-1]]
        np.testing.assert_allclose(found[index].tokens, [*expected, (len(ANSWERS[index]) - 1) / 2])


@torch.no_grad()
def test_mplug_owl2_is_what_its_forward_pass_gives(owl):
    requests = [
        request("<image>What is on the left? Say it.", make_image(seed=1)),
        request("<image>Who?", make_image()),
    ]
    answers = {0: (70, 71), 1: (72, 73, 74)}
    found = measured(owl, requests, answers)
    for index, asked in enumerate(requests):
        prompt = owl.tokenize(asked)
        pixels = owl.normalize(torch.from_numpy(owl.to_pixels(prompt.images[0]))[None])
        ids = torch.tensor([*prompt.input_ids, *answers[index][:-1]])
        _, output = owl.model(ids, pixels, output_attentions=True)
        _, kinds = embedded(owl, asked)
        expected = by_kind(torch.stack(output.attentions)[:, 0], kinds, answers[index])
        np.testing.assert_allclose(found[index].by_kind, expected, atol=2e-6)
        assert found[index].image.shape[1] == owl.model.num_image_tokens


@torch.no_grad()
def test_a_sliding_window_hides_the_beginning(emma, monkeypatch):
    """As in the plain forward pass, which has a window of its own making."""
    monkeypatch.setattr(emma.model.llama, "sliding_window", 9)
    found = measured(emma)
    for index in (1, 3):
        prompt = emma.tokenize(REQUESTS[index])
        pixels = [emma.normalize(torch.from_numpy(emma.to_pixels(image))[None]) for image in prompt.images]
        ids = torch.tensor([*prompt.input_ids, *ANSWERS[index][:-1]])
        instruction = torch.tensor(prompt.instruction_ids) if pixels else None
        _, output = emma.model(
            ids, *map(torch.cat, [pixels] if pixels else []), instruction_ids=instruction, output_attentions=True
        )
        _, kinds = embedded(emma, REQUESTS[index])
        expected = by_kind(torch.stack(output.attentions)[:, 0], kinds, ANSWERS[index])
        np.testing.assert_allclose(found[index].by_kind, expected, atol=2e-6)
        assert found[index].tokens.sum() == 9


def test_rows_in_parts_are_the_rows_at_once(emma):
    prompts = [emma.tokenize(asked) for asked in REQUESTS]
    pixels = {image: emma.to_pixels(image) for prompt in prompts for image in prompt.images}
    batch = [
        AnsweredPrompt(prompt.items, tuple(token_kinds(emma, asked)), ANSWERS[index])
        for index, (prompt, asked) in enumerate(zip(prompts, REQUESTS, strict=True))
    ]
    whole, parts = batch_attention(emma, batch, pixels), batch_attention(emma, batch, pixels, max_weights=1)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other.by_kind, one.by_kind, atol=2e-6)
        assert other.tokens.tolist() == pytest.approx(one.tokens.tolist())


def test_no_layer_computes_more_than_the_answers_rows_and_no_hook_stays(emma, monkeypatch):
    rows = set()

    def noted(q, k, *rest, **named):
        rows.add(q.shape[2])
        return attention_weights(q, k, *rest, **named)

    monkeypatch.setattr(model, "attention_weights", noted)
    measured(emma)
    assert rows == {5}  # of the longest answer; prompts have over a hundred tokens
    assert not any(module._forward_hooks for module in emma.model.modules())


def test_what_has_no_row_says_why(emma, monkeypatch, tmp_path):
    monkeypatch.setitem(TEMPLATES, "plain", "{message}")
    short = replace(emma, max_length=10, template="plain")
    image = make_image(seed=1)
    broken = replace(REQUESTS[0], images=(ImageFile(tmp_path, "a.png"),))
    asked = [request("<image>\nWhat?", image), REQUESTS[0], request(""), broken]
    assert measured(short, asked, {0: (70,), 1: (), 3: (70,)}) == {
        0: "its prompt is cut within the image",
        1: "it has no answer token",
        2: "it has no answer token",
        3: f"{tmp_path}/a.png: no such image file",
    }


def test_a_gpu_without_room_for_a_batch_computes_its_halves(emma, monkeypatch):
    whole, sizes = measured(emma), []

    def narrow(runner, batch, pixels):
        sizes.append(len(batch))
        if len(batch) > 1:
            raise torch.cuda.OutOfMemoryError
        return batch_attention(runner, batch, pixels)

    monkeypatch.setattr(attention, "batch_attention", narrow)
    for index, one in measured(emma).items():
        np.testing.assert_allclose(one.by_kind, whole[index].by_kind, atol=2e-6)
    assert sizes == [4, 2, 1, 1, 2, 1, 1]
