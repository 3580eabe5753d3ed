"""The engine, loading the exported folders, computes the same logits as the trainer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import CLIPModel

from emma_eval.mini.train.__main__ import _tokenizer_texts
from emma_eval.mini.train.clip import CONFIG
from emma_eval.mini.train.export import export_clip, export_model
from emma_eval.mini.train.features import TextFeatureCache, encode_images
from emma_eval.mini.train.images import image_of, world_scene
from emma_eval.mini.train.model import TrainableVLM, TrainingBatch
from emma_eval.mini.train.vocabulary import learn_tokenizer
from emma_eval.mini.world import draw
from emma_eval.models import load_model
from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.models.llama.tokenizer import LlamaTokenizer
from emma_eval.prompts.building import build_message
from emma_eval.types import Request
from tests.fakes import first_token_logits

QUESTION = "What color is the circle?"


class SceneImage:
    """An image of the world as an image source."""

    label = "a scene"

    def open(self) -> Image.Image:
        return draw(world_scene(5))


@pytest.mark.parametrize("aligned", [True, False])
def test_exported_folders_compute_what_was_trained(tmp_path: Path, aligned: bool):
    learn_tokenizer(_tokenizer_texts(), tmp_path / "tokenizer")
    tokenizer = LlamaTokenizer(tmp_path / "tokenizer")
    torch.manual_seed(0)
    clip = CLIPModel(CONFIG).eval()
    vlm = TrainableVLM(len(tokenizer), 128, 48, aligned).eval()
    if vlm.alignment is not None:
        torch.nn.init.normal_(vlm.alignment.image_text_infusion.weight, std=0.1)
    for module in (clip, vlm):  # the files are in half precision
        module.load_state_dict({key: value.half().float() for key, value in module.state_dict().items()})
    export_clip(clip, torch.arange(49408), tmp_path)
    export_model(vlm, tmp_path / "tokenizer", tmp_path / "model")

    model = load_model(str(tmp_path / "model"), device="cpu", dtype="float32")
    request = Request("1", 0, build_message(QUESTION, "", images=1), QUESTION, (SceneImage(),), 4)
    with torch.inference_mode():
        logits, _ = first_token_logits(model, [request])
        vision = encode_images(clip, [image_of(world_scene(5)).pixels]).float()
        text = TextFeatureCache(clip)([QUESTION]) if aligned else None
        prompt = tokenizer.encode_prompt(render_prompt(request.message))
        cut = prompt.index(-200)
        after = torch.tensor([[*prompt[cut + 1 :], 0]])  # the last id is predicted
        hidden = vlm.hidden_states(TrainingBatch(torch.tensor(prompt[:cut]), after, after, vision, text))
        expected = vlm.llama.lm_head(hidden)[:, -1]
    assert torch.allclose(logits, expected, atol=2e-3)  # the trainer caches the towers' features in half precision
