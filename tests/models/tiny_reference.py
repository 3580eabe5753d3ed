"""What a tiny checkpoint must compute, by another road than the product's: whole CLIP towers with all
hidden states, the alignment as a loop over tokens, the language model without a cache, one prompt at a time."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tests.tiny_checkpoint import POSITIONS, SIDE, TOKENS, WIDTH, TinyCheckpoint


class Reference:
    """What a checkpoint must compute, in float32."""

    def __init__(self, tiny: TinyCheckpoint) -> None:
        self.tiny = tiny
        trained = tiny.unfrozen
        self.clip = (tiny.shard_clip if trained else tiny.clip).float().eval()
        self.alignment = {
            name: (-value if trained else value).float() for name, value in tiny.alignment_tensors.items()
        }
        self.projector = {name: value.float() for name, value in tiny.projector_tensors.items()}

    def pixels(self, image: Image.Image) -> Tensor:
        image = image.convert("RGB")
        if self.tiny.aspect_ratio == "pad":
            side = max(image.size)
            square = np.empty((side, side, 3), np.uint8)
            square[:] = (122, 116, 104)
            top, left = (side - image.height) // 2, (side - image.width) // 2
            square[top : top + image.height, left : left + image.width] = np.asarray(image)
            image = Image.fromarray(square)
        scale = SIDE / min(image.size)
        size = [SIDE if length == min(image.size) else math.floor(length * scale + 1e-9) for length in image.size]
        resized = np.asarray(image.resize((size[0], size[1]), Image.Resampling.BICUBIC), np.float64)
        top, left = (resized.shape[0] - SIDE) // 2, (resized.shape[1] - SIDE) // 2
        levels = resized[top : top + SIDE, left : left + SIDE] / 255
        normal = (levels - [0.48145466, 0.4578275, 0.40821073]) / [0.26862954, 0.26130258, 0.27577711]
        return torch.from_numpy(normal.transpose(2, 0, 1)[None]).float()

    def vision(self, pixels: Tensor) -> Tensor:
        states = self.clip.vision_model(pixel_values=pixels, output_hidden_states=True).hidden_states
        return states[self.tiny.vision_layer][0, 1:]

    def text(self, ids: Tensor) -> Tensor:
        layer = -2 if self.tiny.text_layer is None else self.tiny.text_layer
        states = self.clip.text_model(input_ids=ids, output_hidden_states=True).hidden_states
        positions = POSITIONS.get(self.tiny.text_feature or "", POSITIONS["cls_patch"])
        return states[layer][0, list(positions)]

    def aligned(self, vision: Tensor, text: Tensor) -> Tensor:
        """out[i] = sum_j W[i, j] z[j] + b[i], z the visual tokens and then the projected text tokens."""
        if not self.tiny.alignment:
            return vision
        linear = text @ self.alignment["text_projection.weight"].T + self.alignment["text_projection.bias"]
        tokens = [*vision, *(linear * 0.5 * (1 + torch.erf(linear / math.sqrt(2))))]
        weight, bias = self.alignment["image_text_infusion.weight"], self.alignment["image_text_infusion.bias"]
        rows = [
            sum((weight[i, j] * token for j, token in enumerate(tokens)), start=torch.zeros(WIDTH)) + bias[i]
            for i in range(TOKENS)
        ]
        out = torch.stack(rows)
        return (
            out + self.alignment["learnable_tokens"]
            if self.tiny.version == "v3" and self.tiny.learnable_tokens
            else out
        )

    def projected(self, aligned: Tensor) -> Tensor:
        weights = self.projector
        if self.tiny.projector == "linear":
            return aligned @ weights["weight"].T + weights["bias"]
        hidden = aligned @ weights["0.weight"].T + weights["0.bias"]
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        return hidden @ weights["2.weight"].T + weights["2.bias"]

    @torch.no_grad()
    def answer(self, ids: list[int], images: list[Tensor], steps: int) -> tuple[list[int], Tensor]:
        """Greedy ids and the logits after the prompt; each -200 stands for the next image's rows."""
        embedding = self.tiny.llama.get_input_embeddings().weight
        rows = iter(images)
        parts = [next(rows) if index == -200 else embedding[index][None] for index in ids]
        sequence = torch.cat(parts)
        if images:
            sequence = sequence[: self.tiny.max_length]
        answer: list[int] = []
        first = torch.empty(0)
        while len(answer) < steps and (not answer or answer[-1] != 2):
            logits = self.tiny.llama(inputs_embeds=sequence[None], use_cache=False).logits[0, -1]
            first = logits if not answer else first
            answer.append(int(logits.argmax()))
            sequence = torch.cat([sequence, embedding[answer[-1]][None]])
        return answer, first
