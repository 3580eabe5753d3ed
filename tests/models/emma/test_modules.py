"""The modules are honest: hooks see true values on every projection, and a projection that is replaced is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from emma_eval.models import load_model
from emma_eval.models.clip.text_tokenizer import tokenize_instruction
from emma_eval.types import Request
from tests.fakes import PROMPT, QUESTION, LoadedImage, first_token_logits, make_image
from tests.models.tiny_reference import Reference
from tests.tiny_checkpoint import EMMA, TinyCheckpoint

LLAMA_PROJECTIONS = ("q_proj", "kv_proj", "o_proj", "gate_up_proj", "down_proj")
CLIP_PROJECTIONS = ("qkv_proj", "out_proj", "fc1", "fc2")


def requests() -> list[Request]:
    """Two questions about one image, which share a row, and one about another."""
    first, second = LoadedImage(make_image(seed=1)), LoadedImage(make_image(seed=2))
    return [
        Request("1", 0, PROMPT, QUESTION, (first,), 4),
        Request("2", 0, PROMPT.replace("left", "right"), QUESTION, (first,), 4),
        Request("3", 0, PROMPT, QUESTION, (second,), 2),
    ]


class Scaled(nn.Module):
    """A projection whose output is multiplied: a wrapper without a weight of its own."""

    def __init__(self, projection: nn.Module, factor: float) -> None:
        super().__init__()
        self.projection, self.factor = projection, factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * self.projection(x)


@contextmanager
def recorded(model: nn.Module) -> Iterator[dict[str, list[tuple[Tensor, Tensor]]]]:
    """Input and output, uncopied, of every call of a linear layer, an embedding, a norm or the patch convolution."""
    calls: dict[str, list[tuple[Tensor, Tensor]]] = {}
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding | nn.RMSNorm | nn.LayerNorm | nn.Conv2d):
            calls[name] = []
            keep = lambda _, inputs, output, kept=calls[name]: kept.append((inputs[0], output))  # noqa: E731
            handles.append(module.register_forward_hook(keep))
    yield calls
    for handle in handles:
        handle.remove()


@torch.inference_mode()
def test_a_hook_sees_true_values_of_every_module_after_the_answer_too(tmp_path: Path) -> None:
    runner = load_model(str(EMMA.write(tmp_path)), device="cpu", dtype="float32")
    with recorded(runner.model) as calls:
        runner.ask(requests())
    for part, layers, projections in (
        ("llama", 2, LLAMA_PROJECTIONS),
        ("towers.vision", 2, CLIP_PROJECTIONS),
        ("towers.text", 2, CLIP_PROJECTIONS),
    ):
        assert {f"{part}.layers.{layer}.{name}" for layer in range(layers) for name in projections} <= calls.keys()
    for name, kept in calls.items():
        assert kept, f"no call of {name}"
        for x, output in kept:
            torch.testing.assert_close(output, runner.model.get_submodule(name)(x), rtol=0, atol=0, msg=name)


def scaled_llama(tiny: TinyCheckpoint, name: str, factor: float) -> None:
    """The same change in transformers' weights."""
    if name == "lm_head":
        tiny.llama.lm_head.weight.mul_(factor)
        return
    layer = tiny.llama.model.layers[1]
    parts = {
        "q_proj": [layer.self_attn.q_proj],
        "kv_proj": [layer.self_attn.k_proj, layer.self_attn.v_proj],
        "o_proj": [layer.self_attn.o_proj],
        "gate_up_proj": [layer.mlp.gate_proj, layer.mlp.up_proj],
        "down_proj": [layer.mlp.down_proj],
    }
    for part in parts[name]:
        part.weight.mul_(factor)


def scaled_clip(tower: nn.Module, name: str, factor: float) -> None:
    layer = tower.encoder.layers[1]
    attention = layer.self_attn
    parts = {
        "qkv_proj": [attention.q_proj, attention.k_proj, attention.v_proj],
        "out_proj": [attention.out_proj],
        "fc1": [layer.mlp.fc1],
        "fc2": [layer.mlp.fc2],
    }
    for part in parts[name]:
        part.weight.mul_(factor)
        part.bias.mul_(factor)


@torch.inference_mode()
def answers_agree(tiny: TinyCheckpoint, runner: object, unchanged: Tensor) -> None:
    """The runner's logits and answer are those of the reference, and not what they were."""
    request, truth = requests()[0], Reference(tiny)
    vision = truth.vision(truth.pixels(request.images[0].open()))
    rows = truth.projected(truth.aligned(vision, truth.text(torch.tensor([tokenize_instruction(QUESTION)]))))
    answer, logits = truth.answer(list(runner.tokenize(request).input_ids), [rows], steps=4)
    ours = first_token_logits(runner, [request])[0][0]
    torch.testing.assert_close(ours, logits, rtol=1e-4, atol=2e-4)
    assert (ours - unchanged).abs().max() > 0.01
    assert list(runner.ask([request])[0].token_ids) == answer


@pytest.mark.parametrize("name", [*LLAMA_PROJECTIONS, "lm_head"])
@torch.inference_mode()
def test_a_replaced_projection_of_llama_is_used(name: str, tmp_path: Path) -> None:
    tiny = replace(EMMA)
    runner = load_model(str(tiny.write(tmp_path)), device="cpu", dtype="float32")
    unchanged = first_token_logits(runner, requests()[:1])[0][0]
    owner = runner.model.llama if name == "lm_head" else runner.model.llama.layers[1]
    setattr(owner, name, Scaled(getattr(owner, name), 1.5))
    scaled_llama(tiny, name, 1.5)
    answers_agree(tiny, runner, unchanged)


@pytest.mark.parametrize("tower", ["vision", "text"])
@pytest.mark.parametrize("name", CLIP_PROJECTIONS)
@torch.inference_mode()
def test_a_replaced_projection_of_clip_is_used(name: str, tower: str, tmp_path: Path) -> None:
    tiny = replace(EMMA)
    runner = load_model(str(tiny.write(tmp_path)), device="cpu", dtype="float32")
    unchanged = first_token_logits(runner, requests()[:1])[0][0]
    runner = replace(runner)  # with empty caches
    layer = getattr(runner.model.towers, tower).layers[1]
    setattr(layer, name, Scaled(getattr(layer, name), 1.5))
    scaled_clip(getattr(tiny.clip, f"{tower}_model"), name, 1.5)
    answers_agree(tiny, runner, unchanged)


@torch.inference_mode()
def test_the_plain_forward_pass_gives_the_logits_of_the_runner(tmp_path: Path) -> None:
    runner = load_model(str(EMMA.write(tmp_path)), device="cpu", dtype="float32")
    request = requests()[0]
    prompt = runner.tokenize(request)
    pixels = torch.from_numpy(runner.processor(request.images[0].open()))[None]
    logits, output = runner.model(
        torch.tensor(prompt.input_ids),
        pixels,
        torch.tensor(prompt.instruction_ids),
        output_hidden_states=True,
        output_attentions=True,
    )
    torch.testing.assert_close(logits[0, -1], first_token_logits(runner, [request])[0][0], rtol=0, atol=5e-5)
    assert [state.shape for state in output.hidden_states] == [(1, prompt.num_tokens, 32)] * 3
    assert [weights.shape for weights in output.attentions] == [(1, 4, prompt.num_tokens, prompt.num_tokens)] * 2
    torch.testing.assert_close(runner.model.llama.lm_head(output.hidden_states[-1]), logits)
