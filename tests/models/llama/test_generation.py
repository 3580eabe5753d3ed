"""Answers computed in one batch are those that each request has alone."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from emma_eval.errors import SampleError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models import load_model
from emma_eval.models.checkpoints.templates import TEMPLATES
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request
from tests.fakes import PROMPT, QUESTION, LoadedImage, first_token_logits, make_image
from tests.tiny_checkpoint import EMMA


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EMMA.write(tmp_path_factory.mktemp("generation"))


@pytest.fixture(scope="module")
def runner(folder: Path) -> ModelRunner:
    return load_model(str(folder), device="cpu")


def mixed_requests(count: int = 40) -> list[Request]:
    """Requests of every kind, images and instructions recurring."""
    chance = random.Random(0)
    requests = []
    for number in range(count):
        images = [
            LoadedImage(make_image(20 + 10 * (n % 4), 40, seed=n)) for n in chance.choices(range(5), k=number % 3)
        ]
        question = " ".join(chance.choices(["what", "is", "left", "of", "the", "red", "ball"], k=chance.randint(1, 30)))
        prompt = "A chat. USER: " + "<image>\n" * len(images) + question + " ASSISTANT:"
        requests.append(Request(str(number), 0, prompt, question[:20], tuple(images), chance.randint(1, 12)))
    return requests


@pytest.mark.parametrize("size", [3, 8, 40])
def test_answers_do_not_depend_on_batch_size_order_or_companions(runner: ModelRunner, size: int) -> None:
    requests = mixed_requests()
    alone = {response.sample_id: response.text for _, response in run_requests(BatchedEngine(runner, 1), requests)}
    random.Random(size).shuffle(requests)
    assert {
        response.sample_id: response.text for _, response in run_requests(BatchedEngine(runner, size), requests)
    } == alone


@torch.inference_mode()
def test_logits_hardly_depend_on_companions(runner: ModelRunner) -> None:
    batch = mixed_requests(12)
    together, _ = first_token_logits(runner, batch)
    for one, logits in zip(batch, together, strict=True):
        single, _ = first_token_logits(runner, [one])
        torch.testing.assert_close(logits, single[0], rtol=0, atol=3e-5)


def test_an_answer_ends_at_its_own_limit(runner: ModelRunner) -> None:
    limits = [5, 1, 9, 2]
    batch = [Request("1", 0, PROMPT, QUESTION, (LoadedImage(make_image()),), limit) for limit in limits]
    answers = [generation.token_ids for generation in runner.ask(batch)]
    assert [len(ids) for ids in answers] == limits
    assert all(ids == answers[2][: len(ids)] for ids in answers)


@pytest.mark.parametrize("where", ["config.json", "generation_config.json"])
def test_an_answer_ends_at_an_end_id_and_keeps_it(where: str, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    request = Request("1", 0, PROMPT, QUESTION, (LoadedImage(make_image()),), 9)
    longer = replace(request, message="A longer prompt. " + PROMPT)
    before = load_model(str(folder), device="cpu")
    free, other = (one.token_ids for one in before.ask([request, longer]))
    end = free[2]
    content = json.loads((folder / where).read_text()) if where == "config.json" else {}
    (folder / where).write_text(json.dumps(content | {"eos_token_id": [end, 2]}))
    after = load_model(str(folder), device="cpu")
    ended, companion = after.ask([request, longer])
    assert ended.token_ids == free[: free.index(end) + 1]
    assert companion.token_ids == (other[: other.index(end) + 1] if end in other else other)


@torch.inference_mode()
def test_an_answer_does_not_end_before_it_has_the_least_new_tokens(tmp_path: Path) -> None:
    """Each of a batch for itself: where an end id is barred the best of all others is taken instead."""
    folder = EMMA.write(tmp_path)
    request = Request("1", 0, PROMPT, QUESTION, (LoadedImage(make_image()),), 6)
    free = load_model(str(folder), device="cpu").ask([request])[0].token_ids
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [free[0], 2]}))
    runner = load_model(str(folder), device="cpu")
    leasts = [1, 0, 3, 9]
    batch = [replace(request, min_new_tokens=least) for least in leasts]
    answers = [answer.token_ids for answer in runner.ask(batch)]
    assert answers == [runner.ask([one])[0].token_ids for one in batch]
    assert answers[1] == free[:1]
    logits, _ = first_token_logits(runner, [request])
    assert (
        answers[0][0] == answers[2][0] == next(i for i in logits[0].argsort(descending=True).tolist() if i != free[0])
    )
    for least, ids in zip(leasts, answers, strict=True):
        ends = [place for place, token in enumerate(ids, 1) if token in runner.eos_ids]
        assert ends in ([], [len(ids)])
        assert all(end > least for end in ends)


def test_a_raw_message_is_the_whole_prompt(runner: ModelRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEMPLATES, runner.template, "USER: {message} ASSISTANT:")
    request = Request("1", 0, "<image>\nWhat?", "What?", (LoadedImage(make_image()),), 5)
    whole = replace(request, message="USER: <image>\nWhat? ASSISTANT:", is_raw=True)
    assert runner.tokenize(whole) == runner.tokenize(request)
    bare = replace(request, is_raw=True)
    assert len(runner.tokenize(bare).input_ids) < len(runner.tokenize(request).input_ids)
    ((_, response),) = run_requests(BatchedEngine(runner), [bare])
    assert response.prompt == "<image>\nWhat?"


def test_recurring_images_and_instructions_are_encoded_once(
    runner: ModelRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_sizes: dict[str, list[int]] = {"vision": [], "text": []}
    for name, sizes in batch_sizes.items():
        encode = getattr(runner.model.towers, f"{name}_features")
        watched = lambda inputs, encode=encode, sizes=sizes: sizes.append(len(inputs)) or encode(inputs)  # noqa: E731
        monkeypatch.setattr(runner.model.towers, f"{name}_features", watched)
    same, different = LoadedImage(make_image(seed=1)), LoadedImage(make_image(seed=2))
    requests = [
        Request(str(n), 0, PROMPT, instruction, (image,), 2)
        for n, (image, instruction) in enumerate([(same, "a"), (same, "b"), (different, "a"), (same, "a")])
    ]
    runner.ask(requests)
    assert batch_sizes == {"vision": [2], "text": [2]}


@pytest.mark.parametrize(("markers", "images"), [(0, 1), (1, 0), (2, 1)])
def test_an_image_without_marker_is_not_silently_dropped(runner: ModelRunner, markers: int, images: int) -> None:
    request = Request("1", 0, "<image>\n" * markers + "What?", "What?", (LoadedImage(make_image()),) * images)
    with pytest.raises(SampleError, match=rf"{markers} image markers? for {images} images?"):
        runner.ask([request])


def test_an_image_that_breaks_while_it_is_decoded_fails_its_sample(runner: ModelRunner, tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    make_image(300, 300).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    request = Request("1", 0, PROMPT, QUESTION, (LoadedImage(Image.open(path), label=str(path)),))
    with pytest.raises(SampleError, match=r"cut\.jpg"):
        runner.ask([request])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_keeps_the_rotary_frequencies_exact(folder: Path, dtype: str):
    """As transformers does; rounded to bfloat16, the last of 600 tokens would be a radian off."""
    exact, half = (load_model(str(folder), device="cpu", dtype=one).model.llama for one in ("float32", dtype))
    positions = torch.arange(600)[None]
    assert half.freqs_cis(positions).dtype is torch.complex64
    assert torch.equal(half.freqs_cis(positions), exact.freqs_cis(positions))
