"""Variants of the weights, against the model computed by hand from the checkpoint's tensors."""

from __future__ import annotations

import pytest
import torch

from emma_eval.errors import UserError
from emma_eval.interpretability.ablated_model import AblatedModel
from emma_eval.interpretability.variants import SHIPPED, read_variants
from emma_eval.models import load_model
from emma_eval.models.base import ModelSpec
from emma_eval.models.clip.text_tokenizer import tokenize_instruction
from tests.fakes import first_token_logits, make_image, request
from tests.tiny_checkpoint import TOKENS, WIDTH, TinyCheckpoint
from tests.tiny_mplug_owl2 import TinyMPlugOwl2

VARIANTS = read_variants(SHIPPED)
TINY = TinyCheckpoint(version="v3", learnable_tokens=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return AblatedModel(ModelSpec(str(TINY.write(tmp_path_factory.mktemp("tiny"))), "cpu"))


def features(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((1, TOKENS, WIDTH), generator=generator)


def by_hand(weight, vision, projected):
    """W [V; E] + b + learnable tokens, of one image."""
    tokens = torch.cat([vision[0], projected[0]])
    bias = TINY.alignment_tensors["image_text_infusion.bias"][:, None]
    return (weight @ tokens + bias + TINY.alignment_tensors["learnable_tokens"])[None]


def test_the_checkpoint_is_read_once_and_never_written(model):
    before = {name: tensor.clone() for name, tensor in model.runner.model.state_dict().items()}
    for name in ("alignment_off", "text_off", "image_identity"):
        variant = model.variant(VARIANTS[name])
        assert variant.model.llama is model.runner.model.llama
        assert variant.vision_cache is model.runner.vision_cache
    assert model.variant(None).model is model.variant(VARIANTS["no_image"]).model is model.runner.model
    for name, tensor in model.runner.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_text_off_is_w_with_zeros_and_image_identity_w_with_an_identity(model):
    trained = TINY.alignment_tensors["image_text_infusion.weight"]
    zeros, identity = trained.clone(), trained.clone()
    zeros[:, TOKENS:] = 0
    identity[:, :TOKENS] = torch.eye(TOKENS)
    vision = features()
    projected = model.runner.model.encode_instructions(torch.tensor([tokenize_instruction("What is it?")]))
    for name, weight in (("text_off", zeros), ("image_identity", identity)):
        found = model.variant(VARIANTS[name]).model.align(vision, projected)
        torch.testing.assert_close(found, by_hand(weight, vision, projected), rtol=1e-5, atol=1e-5)
    other = model.runner.model.encode_instructions(torch.tensor([tokenize_instruction("Where?")]))
    text_off = model.variant(VARIANTS["text_off"]).model
    assert torch.equal(text_off.align(vision, projected), text_off.align(vision, other))


def test_alignment_off_gives_the_projector_v(model, tmp_path):
    """The same weights as a plain LLaVA, which has no alignment to turn off, say the same."""
    llava = TinyCheckpoint(version=None, text_layer=None, text_feature=None, alignment=False)
    plain = load_model(str(llava.write(tmp_path)), device="cpu")
    variant = model.variant(VARIANTS["alignment_off"])
    asked = [request("A <image> B", make_image(seed=seed)) for seed in (1, 2)]
    torch.testing.assert_close(first_token_logits(variant, asked)[0], first_token_logits(plain, asked)[0])
    assert not torch.allclose(
        first_token_logits(variant, asked)[0], first_token_logits(model.variant(None), asked)[0], atol=1e-2
    )
    vision = features()
    projector = TINY.projector_tensors
    hidden = torch.nn.functional.gelu(vision @ projector["0.weight"].T + projector["0.bias"])
    wanted = hidden @ projector["2.weight"].T + projector["2.bias"]
    torch.testing.assert_close(variant.model.embed_images(vision, None), wanted)


def test_other_models_are_refused(tmp_path):
    owl = TinyMPlugOwl2(layout="saved").write(tmp_path)
    with pytest.raises(UserError, match="mPLUG-Owl2 can't be ablated"):
        AblatedModel(ModelSpec(str(owl)))
    for source in ("hf:/models/x", "openai:gpt"):
        with pytest.raises(UserError, match="only checkpoints of EMMA and LLaVA"):
            AblatedModel(ModelSpec(source))
