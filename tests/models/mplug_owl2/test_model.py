"""mPLUG-Owl2 answers as its equations say, whatever its sizes, its settings and the layout of its folder."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models import load_model
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request
from tests.fakes import LoadedImage, first_token_logits, make_image
from tests.models.mplug_owl2.reference import Reference
from tests.tiny_mplug_owl2 import ABSTRACTOR, MPLUG_OWL2, TinyMPlugOwl2

VARIANTS = {
    "as converted": MPLUG_OWL2,
    "as saved, with tables": replace(MPLUG_OWL2, layout="saved", tables=True, dtype=torch.bfloat16),
    "one file": replace(MPLUG_OWL2, layout="single", dtype=torch.float16),
    "other sizes": TinyMPlugOwl2(
        hidden=40, layers=1, heads=5, inner=24, width=32, vision_layers=1, vision_heads=4, side=24, patch=8, queries=3,
        abstractor_layers=1, abstractor_heads=2,
    ),
    "one head": replace(MPLUG_OWL2, heads=1, vision_heads=1, abstractor_heads=1, queries=1),
    "linear": replace(MPLUG_OWL2, settings={"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 4.0}}),
    "dynamic": replace(MPLUG_OWL2, settings={"rope_scaling": {"type": "dynamic", "factor": 4.0}}),

    "later keys": replace(
        MPLUG_OWL2,
        visual_model={"use_cls_token": True, "use_post_layernorm": True},
        visual_abstractor={"use_cls_token": True, "add_v2t_pos_emb": False},
    ),
}  # fmt: skip


def load(root: Path, tiny: TinyMPlugOwl2 = MPLUG_OWL2, **options: str) -> ModelRunner[Any]:
    return load_model(str(tiny.write(root)), device="cpu", dtype="float32", options=options)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> ModelRunner[Any]:
    return load(tmp_path_factory.mktemp("model"))


def mixed_requests(count: int = 30) -> list[Request]:
    """No image to three, in front, inside, adjacent and at the end; images and beginnings recur."""
    chance = random.Random(1)
    requests = []
    for number in range(count):
        images = tuple(
            LoadedImage(make_image(20 + 10 * (n % 4), 40, seed=n)) for n in chance.choices(range(4), k=number % 4)
        )
        words = chance.choices(["what", "is", "left", "of", "the", "red", "ball"], k=chance.randint(1, 12))
        for _ in images:
            words.insert(chance.choice([0, 0, len(words) // 2, len(words)]), "<image>")
        limits = chance.randint(1, 9), chance.choice([0, 0, 1, 4])
        requests.append(Request(str(number), 0, " ".join(words), "", images, *limits))
    return requests


@pytest.mark.parametrize("tiny", VARIANTS.values(), ids=VARIANTS)
def test_answers_are_those_of_the_equations(tiny: TinyMPlugOwl2, tmp_path: Path) -> None:
    runner, reference = load(tmp_path, tiny), Reference(tiny)
    requests = mixed_requests(8)
    expected = [
        reference.answer(
            list(runner.tokenize(one).input_ids),
            [image.image for image in one.images],
            one.max_new_tokens,
            one.min_new_tokens,
        )
        for one in requests
    ]
    assert [list(answer.token_ids) for answer in runner.ask(requests)] == expected
    assert len(set(map(tuple, expected))) > 1


def test_position_tables_are_the_folders_layer_by_layer(tmp_path: Path) -> None:
    """Those that it does not hold are computed."""
    tiny = replace(MPLUG_OWL2, tables=True)
    for name in [name for name in tiny.tensors if "layers.1." in name and name.endswith("pos_embed")]:
        del tiny.tensors[name]
    runner, reference, image = load(tmp_path, tiny), Reference(tiny), make_image()
    assert "positions partly of the folder" in runner.summary
    request = Request("1", 0, "<image>what", "", (LoadedImage(image),), 9)
    ids = list(runner.tokenize(request).input_ids)
    assert list(runner.ask([request])[0].token_ids) == reference.answer(ids, [image], 9)
    features = reference.vision(reference.pixels(image))
    ours = runner.model.abstract(features[None])[0].detach()
    torch.testing.assert_close(ours, reference.abstract(features), rtol=1e-5, atol=1e-5)
    computed = Reference(replace(tiny, tables=False)).positions("")
    assert not torch.allclose(
        tiny.tensors[f"{ABSTRACTOR}encoder.layers.0.crossattention.attention.q_pos_embed"], computed[0]
    )


@torch.inference_mode()
def test_features_are_those_of_the_equations(runner: ModelRunner[Any]) -> None:
    image, reference = make_image(50, 30), Reference(MPLUG_OWL2)
    features = runner.model.vision_features(torch.from_numpy(runner.processor(image))[None])
    expected = reference.vision(reference.pixels(image))
    torch.testing.assert_close(features[0], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(runner.model.abstract(features)[0], reference.abstract(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 4, 30])
def test_answers_do_not_depend_on_batch_size_order_or_companions(runner: ModelRunner[Any], size: int) -> None:
    requests = mixed_requests()
    alone = {one.sample_id: runner.ask([one])[0].text for one in requests}
    random.Random(size).shuffle(requests)
    engine = BatchedEngine(runner, size)
    assert {response.sample_id: response.text for _, response in run_requests(engine, requests)} == alone


@torch.inference_mode()
def test_a_prompt_may_end_in_an_image(runner: ModelRunner[Any]) -> None:
    """Its last token is an image's then, beside others whose last token is text."""
    images = [LoadedImage(make_image(seed=seed)) for seed in range(2)]
    ends = Request("ends", 0, "USER: look <|image|>", "", (images[0],), 5, is_raw=True)
    others = [Request("1", 0, f"<image>{text}", "", (images[0],), 5) for text in ("what", "is it")]
    only = Request("only", 0, "<|image|>", "", (images[1],), 5, is_raw=True)
    batch = [ends, *others, only]
    answers = runner.ask(batch)
    assert answers == [runner.ask([one])[0] for one in batch]
    reference = Reference(MPLUG_OWL2)
    for one, answer in zip(batch, answers, strict=True):
        ids = list(runner.tokenize(one).input_ids)
        assert list(answer.token_ids) == reference.answer(ids, [image.image for image in one.images], 5)


@torch.inference_mode()
def test_each_token_passes_the_weights_of_its_own_modality_alone(runner: ModelRunner[Any]) -> None:
    image = LoadedImage(make_image())
    request = Request("1", 0, "<image>what", "", (image,), 1)
    text, of_image = runner.tokenize(request).num_tokens - 6, 6
    seen: dict[str, int] = {}
    kv = runner.model.llama.layers[0].kv_proj
    hooks = [
        getattr(kv, kind).register_forward_hook(
            lambda module, x, y, kind=kind: seen.update({kind: y.shape[:-1].numel()})
        )
        for kind in ("text", "image")
    ]
    first_token_logits(runner, [request])
    assert seen == {"text": text, "image": of_image}
    seen.clear()
    without = replace(request, message="what", images=())
    first_token_logits(runner, [without])
    assert seen == {"text": runner.tokenize(without).num_tokens}
    for hook in hooks:
        hook.remove()


@torch.inference_mode()
def test_hidden_states_and_attentions_are_given_for_analyses(runner: ModelRunner[Any]) -> None:
    request = Request("1", 0, "<image>what", "", (LoadedImage(make_image()),), 1)
    pixels = torch.from_numpy(runner.processor(request.images[0].open()))[None]
    ids = torch.tensor(runner.tokenize(request).input_ids)
    logits, output = runner.model(ids, pixels, output_hidden_states=True, output_attentions=True)
    length = runner.tokenize(request).num_tokens
    assert len(output.hidden_states) == MPLUG_OWL2.layers + 1
    assert {tuple(state.shape) for state in output.hidden_states} == {(1, length, MPLUG_OWL2.hidden)}
    assert {tuple(part.shape) for part in output.attentions} == {(1, MPLUG_OWL2.heads, length, length)}
    torch.testing.assert_close(logits[0, -1], first_token_logits(runner, [request])[0][0], rtol=0, atol=3e-5)


def test_an_image_is_encoded_once_for_all_its_questions(
    runner: ModelRunner[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    encode = runner.model.encode_images
    monkeypatch.setattr(runner.model, "encode_images", lambda pixels: sizes.append(len(pixels)) or encode(pixels))
    images = [LoadedImage(make_image(seed=seed)) for seed in (70, 71)]
    requests = [Request(f"{n}{q}", 0, f"<image>{q}?", "", (image,), 2) for n, image in enumerate(images) for q in "abc"]
    runner.ask(requests)
    runner.ask(requests)
    assert sizes == [2]


def test_dynamic_positions_end_where_their_frequencies_would_change(tmp_path: Path) -> None:
    settings = {"max_position_embeddings": 30, "rope_scaling": {"type": "dynamic", "factor": 2.0}}
    runner = load(tmp_path, replace(MPLUG_OWL2, settings=settings))
    request = Request("1", 0, "what is it", "", (), 4)
    short = runner.tokenize(request).num_tokens
    assert runner.tokenize(replace(request, max_new_tokens=31 - short))
    requests = [replace(request, max_new_tokens=32 - short), request]
    failed, answered = (response for _, response in sorted(run_requests(BatchedEngine(runner), requests)))
    assert failed.error == "prompt and answer may have 31 tokens; the model reads 30"
    assert answered.text is not None
