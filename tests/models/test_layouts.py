"""Every layout and setting of the official checkpoint folder gives the numbers of an independent computation."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emma_eval.models import load_model
from emma_eval.models.clip.text_tokenizer import tokenize_instruction
from emma_eval.models.multimodal.runner import ModelRunner
from tests.fakes import PROMPT, QUESTION, first_token_logits, make_image, request
from tests.models.tiny_reference import Reference
from tests.tiny_checkpoint import EMMA, LLAVA, TinyCheckpoint

SETTINGS = {
    "v1, all text positions": EMMA,
    "patch text features": replace(EMMA, text_feature="patch"),
    "cls text features": replace(EMMA, text_feature="cls"),
    "unknown text features mean all": replace(EMMA, text_feature="mean"),
    "last text layer, without final norm": replace(EMMA, text_layer=-1),
    "text layer counted from the front": replace(EMMA, text_layer=1),
    "text embeddings": replace(EMMA, text_layer=0),
    "last vision layer": replace(EMMA, vision_layer=-1),
    "square images": replace(EMMA, aspect_ratio="square"),
    "aspect ratio unsaid": replace(EMMA, aspect_ratio=None),
    "v3 with learnable tokens": replace(EMMA, version="v3", learnable_tokens=True),
    "v3 without them in the file": replace(EMMA, version="v3"),
    "v1 ignores learnable tokens": replace(EMMA, learnable_tokens=True),
    "v3, cls, last layer, square, linear": replace(
        EMMA, version="v3", text_feature="cls", text_layer=-1, aspect_ratio="square", projector="linear"
    ),
    "linear projector": replace(EMMA, projector="linear"),
    "four keys missing": replace(EMMA, version=None, text_layer=None, text_feature=None),
    "prefixed alignment": replace(EMMA, alignment_keys="prefixed"),
    "whole tower in vision_tower.bin": replace(EMMA, alignment_keys="whole"),
    "indexed safetensors": replace(EMMA, shards="safetensors-indexed"),
    "safetensors without index": replace(EMMA, shards="safetensors-unindexed"),
    "one .bin": replace(EMMA, shards="bin"),
    "indexed .bin": replace(EMMA, shards="bin-indexed"),
    "bfloat16": replace(EMMA, dtype=torch.bfloat16, shards="safetensors-indexed"),
    "float16": replace(EMMA, dtype=torch.float16, shards="bin"),
    "CLIP copy in the shards is ignored": replace(EMMA, clip_in_shards=True),
    "CLIP in the shards was trained": replace(EMMA, unfrozen=True),
    "trained, whole and v3": replace(EMMA, unfrozen=True, version="v3", learnable_tokens=True, alignment_keys="whole"),
    "grouped keys and values": replace(EMMA, kv_heads=2),
    "tied embeddings": replace(EMMA, tied=True),
    "processor with dictionaries": replace(EMMA, processor="new", aspect_ratio="square"),
    "no processor file": replace(EMMA, processor="none"),
    "cut at the maximum length": replace(EMMA, max_length=25),
    "no maximum length": replace(EMMA, max_length=None),
    "plain LLaVA": LLAVA,
    "plain LLaVA, square, linear": replace(LLAVA, aspect_ratio="square", projector="linear", shards="bin-indexed"),
}


def load(tiny: TinyCheckpoint, root: Path) -> ModelRunner:
    return load_model(str(tiny.write(root)), device="cpu", dtype="float32")


@pytest.mark.parametrize("tiny", SETTINGS.values(), ids=SETTINGS.keys())
@torch.inference_mode()
def test_numbers_are_those_of_an_independent_computation(tiny: TinyCheckpoint, tmp_path: Path) -> None:
    runner, reference = load(tiny, tmp_path), Reference(tiny)
    image = make_image()
    one = request(PROMPT, image)

    pixels = reference.pixels(image)
    pixels_uint8 = {one.images[0]: runner.preprocess_image(one.images[0])}
    ours = runner.normalize(torch.from_numpy(pixels_uint8[one.images[0]])[None])
    torch.testing.assert_close(ours, pixels, rtol=0, atol=1e-6)
    vision = reference.vision(pixels)
    torch.testing.assert_close(runner.model.encode_images(pixels)[0], vision, rtol=0, atol=2e-5)
    if tiny.alignment:
        ids = torch.tensor([tokenize_instruction(QUESTION)])
        text = reference.text(ids)
        torch.testing.assert_close(runner.model.encode_text(ids)[0], text, rtol=0, atol=2e-5)
        vision = reference.aligned(vision, text)
    rows = reference.projected(vision)
    prompt = runner.tokenize(one)
    (embeds,) = runner.image_embeddings(runner.collate([prompt])[0].trie.images, pixels_uint8).values()
    torch.testing.assert_close(embeds, rows, rtol=0, atol=5e-5)

    answer, logits = reference.answer(list(prompt.input_ids), [rows], steps=8)
    torch.testing.assert_close(first_token_logits(runner, [one])[0][0], logits, rtol=0, atol=1e-4)
    assert list(runner.ask([one])[0].token_ids) == answer


@pytest.mark.parametrize("size", [(28, 28), (29, 28), (200, 31), (31, 200), (5, 80), (1, 1)])
@pytest.mark.parametrize("aspect_ratio", ["pad", "square"])
def test_images_of_any_shape(size: tuple[int, int], aspect_ratio: str, tmp_path: Path) -> None:
    tiny = replace(EMMA, aspect_ratio=aspect_ratio)
    runner = load(tiny, tmp_path)
    image = make_image(200, 200).resize(size)
    ours = runner.processor(image)
    torch.testing.assert_close(torch.from_numpy(ours)[None], Reference(tiny).pixels(image), rtol=0, atol=1e-6)


@torch.inference_mode()
def test_several_images_and_none(tmp_path: Path) -> None:
    runner, reference = load(EMMA, tmp_path), Reference(EMMA)
    first, second = make_image(seed=1), make_image(30, 60, seed=2)
    prompts = [
        "<image>\n<image>\nSame? ASSISTANT:",
        "USER: no image here ASSISTANT:",
        "x <image> y <image> z <image>",
    ]
    image_lists = [(first, second), (), (second, second, first)]
    batch = [request(p, *images) for p, images in zip(prompts, image_lists, strict=True)]
    text = reference.text(torch.tensor([tokenize_instruction(QUESTION)]))
    for one, images, generated in zip(batch, image_lists, runner.ask(batch), strict=True):
        rows = [
            reference.projected(reference.aligned(reference.vision(reference.pixels(image)), text)) for image in images
        ]
        answer, _ = reference.answer(list(runner.tokenize(one).input_ids), rows, steps=8)
        assert list(generated.token_ids) == answer


@pytest.mark.parametrize("place", ["inside", "working directory", "absolute"])
def test_places_of_the_vision_tower(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = EMMA.write(tmp_path / "checkpoints")
    tower = folder.parent / "tiny-clip"
    if place == "inside":
        shutil.move(tower, folder / "tiny-clip")
    else:
        shutil.move(tower, tmp_path / "tiny-clip")
        monkeypatch.chdir(tmp_path)
    if place == "absolute":
        monkeypatch.chdir("/")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"mm_vision_tower": str(tmp_path / "tiny-clip")}))
    assert load_model(str(folder), device="cpu").model.towers.num_patches == 16


def test_model_and_tower_from_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = EMMA.write(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"mm_vision_tower": "somebody/a-clip"}))
    hub = {"somebody/an-emma": folder, "somebody/a-clip": tmp_path / "tiny-clip"}
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **_: str(hub[name]))
    runner = load_model("somebody/an-emma", device="cpu")
    (answer,) = runner.ask([request(PROMPT, make_image(), limit=2)])
    assert len(answer.token_ids) == 2


def test_a_patch_token_is_added_unless_the_config_says_no(tmp_path: Path) -> None:
    plain = load(EMMA, tmp_path / "a")
    padded = load(replace(EMMA, patch_token=None), tmp_path / "b")
    assert plain.model.llama.config.vocab_size == len(plain.model.llama.lm_head.weight) == 420
    assert padded.model.llama.config.vocab_size == len(padded.model.llama.lm_head.weight) == 421
    assert padded.tokenizer.encode("<im_patch>") != plain.tokenizer.encode("<im_patch>")
    assert padded.tokenizer.encode("<im_patch>")[-1] == 420
    one = request(PROMPT, make_image())
    assert padded.ask([one]) == plain.ask([one])


def test_a_redundant_projector_file_is_ignored(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (folder / "mm_projector.bin").write_bytes(b"not even weights")
    load_model(str(folder), device="cpu")


@pytest.mark.parametrize(("dtype", "expected"), [("float16", torch.float16), ("bfloat16", torch.bfloat16)])
def test_half_precision_answers(dtype: str, expected: torch.dtype, tmp_path: Path) -> None:
    runner = load_model(str(EMMA.write(tmp_path)), device="cpu", dtype=dtype)
    assert runner.dtype == expected
    (answer,) = runner.ask([request(PROMPT, make_image(), limit=3)])
    assert 1 <= len(answer.token_ids) <= 3
