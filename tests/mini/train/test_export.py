"""The engine, loading the exported folders, computes the same logits as the trainer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPModel

from emma_eval.mini.train.__main__ import TOKENIZERS, _tokenizer_texts
from emma_eval.mini.train.clip import CONFIG
from emma_eval.mini.train.export import export_clip, export_model
from emma_eval.mini.train.export_owl2 import export_owl2
from emma_eval.mini.train.features import TextFeatureCache, encode_images
from emma_eval.mini.train.images import image_of, world_scene
from emma_eval.mini.train.model import Kind, TrainableVLM, TrainingBatch, new_language_model
from emma_eval.mini.train.vocabulary import learn_tokenizer
from emma_eval.mini.world import draw
from emma_eval.models import load_model
from emma_eval.models.checkpoints.templates import render_for_family
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


@pytest.mark.parametrize("kind", ["emma", "llava", "owl2"])
def test_exported_folders_compute_what_was_trained(tmp_path: Path, kind: Kind):
    learn_tokenizer(_tokenizer_texts(), tmp_path / "tokenizer")
    torch.manual_seed(0)
    clip = CLIPModel(CONFIG).eval()
    vlm = TrainableVLM(kind, new_language_model(vocabulary_size(tmp_path)), 128, 64).eval()
    if vlm.alignment is not None:
        torch.nn.init.normal_(vlm.alignment.image_text_infusion.weight, std=0.1)
    if kind == "owl2":  # the copies for images differ from those for text
        for name, parameter in vlm.llama.named_parameters():
            if "multiway.1" in name:
                torch.nn.init.normal_(parameter, mean=1.0 if "norm" in name else 0.0, std=0.1)
    for module in (clip, vlm):  # the files are in half precision; position tables are computed, not stored
        module.load_state_dict({key: rounded(key, value) for key, value in module.state_dict().items()})
    export_clip(clip, torch.arange(49408), tmp_path)
    if kind == "owl2":
        export_owl2(vlm, clip, tmp_path / "tokenizer", tmp_path / "model")
    else:
        export_model(vlm, tmp_path / "tokenizer", tmp_path / "model")

    model = load_model(str(tmp_path / "model"), device="cpu", dtype="float32")
    request = Request("1", 0, build_message(QUESTION, "", images=1), QUESTION, (SceneImage(),), 4)
    with torch.inference_mode():
        logits, _ = first_token_logits(model, [request])
        hidden = vlm.hidden_states(batch_of(request, vlm, clip, tmp_path / "tokenizer"))
        expected = vlm.llama.lm_head(hidden)[:, -1]
    assert torch.allclose(logits, expected, atol=2e-3)  # the trainer caches the towers' features in half precision


def rounded(key: str, value: Tensor) -> Tensor:
    return value if key.endswith("_positions") else value.half().float()


def vocabulary_size(folder: Path) -> int:
    return len(LlamaTokenizer(folder / "tokenizer"))


def batch_of(request: Request, vlm: TrainableVLM, clip: CLIPModel, tokenizer: Path) -> TrainingBatch:
    """The request as the trainer sees it; the last id is predicted."""
    prompt = TOKENIZERS[vlm.family](tokenizer).encode_prompt(render_for_family(request.message, vlm.family))
    cut = prompt.index(-200)
    after = torch.tensor([[*prompt[cut + 1 :], 0]])
    vision = encode_images(clip, [image_of(world_scene(5)).pixels]).float()
    text = TextFeatureCache(clip)([QUESTION]) if vlm.alignment is not None else None
    return TrainingBatch(torch.tensor(prompt[:cut]), after, after, vision, text)
