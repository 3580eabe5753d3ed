"""What a tiny mPLUG-Owl2 must compute, written from its equations: head by head, without a cache, one prompt at a time,
every token through the weights of both modalities."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tests.tiny_mplug_owl2 import ABSTRACTOR, VISION, TinyMPlugOwl2

ATTENTION_EPS = 1e-5


class Reference:
    """In float32."""

    def __init__(self, tiny: TinyMPlugOwl2) -> None:
        self.tiny, self.config, self.weights = tiny, tiny.config(), tiny.tensors

    def pixels(self, image: Image.Image) -> Tensor:
        """Squashed to a square of the longer side, then resized."""
        image = image.convert("RGB")
        for side in (max(image.size), self.tiny.side):
            image = image.resize((side, side), Image.Resampling.BICUBIC)
        normal = np.asarray(image, np.float64) / 255 - [0.48145466, 0.4578275, 0.40821073]
        normal /= [0.26862954, 0.26130258, 0.27577711]
        return torch.from_numpy(normal.transpose(2, 0, 1)).float()

    def vision(self, pixels: Tensor) -> Tensor:
        """(3, S, S) -> (1 + N, Dv)."""
        tiny, eps = self.tiny, self.config["visual_config"]["visual_model"]["layer_norm_eps"]
        kernel = self.weights[f"{VISION}embeddings.patch_embed.weight"]
        p, rows = tiny.patch, [self.weights[f"{VISION}embeddings.cls_token"][0, 0]]
        for row in range(tiny.grid):
            for column in range(tiny.grid):
                patch = pixels[:, row * p : (row + 1) * p, column * p : (column + 1) * p]
                rows.append((kernel * patch).sum((1, 2, 3)))
        x = torch.stack(rows) + self.weights[f"{VISION}embeddings.position_embedding"][0]
        x = self.norm(f"{VISION}embeddings.pre_layernorm", x, eps)
        for index in range(tiny.vision_layers):
            layer = f"{VISION}encoder.layers.{index}."
            normed = self.norm(f"{layer}input_layernorm", x, eps)
            heads = self.linear(f"{layer}self_attn.query_key_value", normed).chunk(tiny.vision_heads, dim=1)
            outputs = [attend(*head.chunk(3, dim=1)) for head in heads]  # a head's query, key and value side by side
            x = x + self.linear(f"{layer}self_attn.dense", torch.cat(outputs, 1))
            hidden = self.linear(f"{layer}mlp.fc1", self.norm(f"{layer}post_attention_layernorm", x, eps))
            x = x + self.linear(f"{layer}mlp.fc2", hidden / (1 + torch.exp(-1.702 * hidden)))
        return self.norm(f"{VISION}post_layernorm", x, eps)

    def abstract(self, features: Tensor) -> Tensor:
        """(1 + N, Dv) -> (Q + 1, D)."""
        tiny, eps = self.tiny, self.config["visual_config"]["visual_abstractor"]["layer_norm_eps"]
        x = self.weights[f"{ABSTRACTOR}query_embeds"][0]
        for index in range(tiny.abstractor_layers):
            layer = f"{ABSTRACTOR}encoder.layers.{index}.crossattention."
            q_pos, k_pos = self.positions(layer)
            normed = self.norm(f"{layer}norm1", x, ATTENTION_EPS)
            z = torch.cat([normed, self.norm(f"{layer}normk", features, ATTENTION_EPS)])
            q = self.linear(f"{layer}attention.query", normed + q_pos)
            k = self.linear(f"{layer}attention.key", z + torch.cat([q_pos, k_pos]))
            heads = (part.chunk(tiny.abstractor_heads, 1) for part in (q, k, self.linear(f"{layer}attention.value", z)))
            r = normed + self.linear(f"{layer}output.out_proj", torch.cat([attend(*h) for h in zip(*heads)], 1))  # noqa: B905
            h = self.norm(f"{layer}output.norm2", r, ATTENTION_EPS)
            gate, up = (self.linear(f"{layer}output.mlp.{name}", h) for name in ("w1", "w3"))
            inner = self.norm(f"{layer}output.mlp.ffn_ln", gate / (1 + torch.exp(-gate)) * up, eps)
            x = r + self.linear(f"{layer}output.mlp.w2", inner)
        return torch.cat([self.linear(f"{ABSTRACTOR}visual_fc", x), self.weights[f"{ABSTRACTOR}vit_eos"][0]])

    def positions(self, layer: str) -> tuple[Tensor, Tensor]:
        """The tables of a layer: the stored ones, else by the formula."""
        tiny, width = self.tiny, self.tiny.width

        def row(position: int, size: int) -> list[float]:
            angles = [position / 10000 ** (j / (size / 2)) for j in range(size // 2)]
            return [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]

        places = [(r, c) for r in range(tiny.grid) for c in range(tiny.grid)]
        computed = (
            torch.tensor([row(position, width) for position in range(tiny.queries)]),
            torch.tensor([[0.0] * width] + [row(c, width // 2) + row(r, width // 2) for r, c in places]),
        )
        names = (f"{layer}attention.q_pos_embed", f"{layer}attention.k_pos_embed")
        q_pos, k_pos = (self.weights.get(name, table) for name, table in zip(names, computed, strict=True))
        return q_pos, k_pos

    def logits(self, x: Tensor, is_image: Tensor) -> Tensor:
        """Embeddings (L, D) and their modality (L,) -> logits after the last (V,)."""
        tiny, eps, w = self.tiny, self.config["rms_norm_eps"], self.weights
        mask = torch.full((len(x), len(x)), -math.inf).triu(1)

        def multiway(stored: str, compute: Callable[[Tensor], Tensor]) -> Tensor:
            text, image = (compute(w[f"{stored}.multiway.{way}.weight"]) for way in range(2))
            return torch.where(is_image[:, None], image, text)

        def rms(y: Tensor) -> Tensor:
            return y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)

        for index in range(tiny.layers):
            layer = f"model.layers.{index}."
            normed = multiway(f"{layer}input_layernorm", lambda weight, y=x: rms(y) * weight)
            q = normed @ w[f"{layer}self_attn.q_proj.weight"].T
            k, v = (multiway(f"{layer}self_attn.{n}_proj", lambda weight, y=normed: y @ weight.T) for n in "kv")
            heads = zip(*(part.chunk(tiny.heads, 1) for part in (q, k, v)), strict=True)
            outputs = [attend(self.rotate(hq), self.rotate(hk), hv, mask) for hq, hk, hv in heads]
            x = x + torch.cat(outputs, 1) @ w[f"{layer}self_attn.o_proj.weight"].T
            normed = multiway(f"{layer}post_attention_layernorm", lambda weight, y=x: rms(y) * weight)
            gate, up = (normed @ w[f"{layer}mlp.{name}_proj.weight"].T for name in ("gate", "up"))
            x = x + (gate / (1 + torch.exp(-gate)) * up) @ w[f"{layer}mlp.down_proj.weight"].T
        return (rms(x[-1]) * w["model.norm.weight"]) @ w["lm_head.weight"].T

    def rotate(self, x: Tensor) -> Tensor:
        """RoPE on the halves of a head: (L, Dh)."""
        scaling = self.config.get("rope_scaling") or {}
        factor = scaling["factor"] if scaling.get("type") == "linear" else 1.0
        half = x.shape[1] // 2
        frequencies = self.config.get("rope_theta", 10000.0) ** (-torch.arange(half) / half)
        angles = torch.arange(len(x))[:, None] / factor * frequencies
        first, second = x[:, :half], x[:, half:]
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([first * cos - second * sin, second * cos + first * sin], 1)

    def answer(self, ids: list[int], images: list[Image.Image], steps: int, least: int = 0) -> list[int]:
        """Greedy ids; each -200 stands for the next image, and the end id is barred from the first `least`."""
        rows = iter([self.abstract(self.vision(self.pixels(image))) for image in images])
        embedding = self.weights["model.embed_tokens.weight"]
        parts = [next(rows) if index == -200 else embedding[index][None] for index in ids]
        is_image = torch.tensor([i == -200 for i, part in zip(ids, parts, strict=True) for _ in part])
        x, answer = torch.cat(parts), []
        while len(answer) < steps and (not answer or answer[-1] != 2):
            logits = self.logits(x, is_image)
            if len(answer) < least:
                logits[2] = -math.inf
            answer.append(int(logits.argmax()))
            x, is_image = torch.cat([x, embedding[answer[-1]][None]]), torch.cat([is_image, torch.tensor([False])])
        return answer

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name: str, x: Tensor, eps: float) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt()
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | float = 0.0) -> Tensor:
    """One head: (L, Dh), (K, Dh), (K, Dh) -> (L, Dh)."""
    return (q @ k.T / math.sqrt(q.shape[1]) + mask).softmax(-1) @ v
