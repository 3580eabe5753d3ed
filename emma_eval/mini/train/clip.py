"""Contrastive pretraining of the two CLIP towers, with an auxiliary loss on what each will be read for.

The contrastive loss is CLIP's (arXiv 2103.00020). Both auxiliary losses are on the penultimate layers, which later
stages read: the patch loss predicts the shape, colour and size of the thing whose centre is in a patch (or `nothing`)
and the patch's row and column; the question loss (train/text_heads.py) the words of a question. The heads are
discarded after training.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from transformers import CLIPConfig, CLIPModel

from emma_eval.mini.train.examples import caption_example, draw_item, easy_questions
from emma_eval.mini.train.images import (
    ALL_COLORS,
    NUM_PATCHES,
    PATCH,
    PATCHES_PER_SIDE,
    PIXELS,
    TrainingImage,
    easy_lookalike,
    image_of,
    labels_of,
    normalised,
    world_scene,
)
from emma_eval.mini.train.loop import Schedule, StepResult, fit, is_done
from emma_eval.mini.train.text_heads import QuestionHeads
from emma_eval.mini.world import SHAPES, SIZES
from emma_eval.models.clip.text_tokenizer import tokenize_instruction

TRAITS = {
    "shape": ("nothing", *SHAPES),
    "color": ("nothing", *ALL_COLORS),
    "size": ("nothing", *SIZES),
}
EMPTY_WEIGHT = 0.3  # of the patches without a thing
_NO_PIXELS = np.zeros((0, 0, 3), np.uint8)
BATCH = 192
QUESTIONS = 96  # a batch, for the question loss

CONFIG = CLIPConfig(
    vision_config={
        "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 5, "num_attention_heads": 4,
        "image_size": PIXELS, "patch_size": PATCH, "projection_dim": 64,
    },
    text_config={
        "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4,
        "vocab_size": 49408, "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 0, "projection_dim": 64,
    },
    projection_dim=64,
    attn_implementation="eager",  # the fused kernel's backward pass is many times slower on a CPU
)  # fmt: skip


class ClipWithHeads(nn.Module):
    """CLIP with linear classification heads on its patches, and on the text after a question's end."""

    def __init__(self, used_ids: Tensor) -> None:
        super().__init__()
        self.clip = CLIPModel(CONFIG)
        width = CONFIG.vision_config.hidden_size
        self.heads = nn.ModuleDict({trait: nn.Linear(width, len(values)) for trait, values in TRAITS.items()})
        self.heads["row"] = nn.Linear(width, PATCHES_PER_SIDE)
        self.heads["column"] = nn.Linear(width, PATCHES_PER_SIDE)
        self.question_heads = QuestionHeads(CONFIG.text_config.hidden_size, used_ids)

    def losses(self, pixels: Tensor, ids: Tensor, targets: dict[str, Tensor]) -> tuple[Tensor, Tensor, float]:
        """Contrastive loss, patch loss, and the share of things whose shape and colour are classified correctly."""
        vision = self.clip.vision_model(pixels, output_hidden_states=True)
        text = self.clip.text_model(ids)
        image = normalize(self.clip.visual_projection(vision.pooler_output).float(), dim=-1)
        words = normalize(self.clip.text_projection(text.pooler_output).float(), dim=-1)
        logits = self.clip.logit_scale.exp().clamp(max=100.0) * image @ words.T  # (B, B)
        matches = torch.arange(len(logits))
        contrastive = (cross_entropy(logits, matches) + cross_entropy(logits.T, matches)) / 2
        patches = vision.hidden_states[-2][:, 1:]  # (B, 16, 128)
        patch_loss, accuracy = self._patch_loss(patches, targets)
        return contrastive, patch_loss, accuracy

    def question_loss(self, ids: Tensor) -> Tensor:
        """How well the words of questions (B, 77) can be told from the states behind their ends."""
        states = self.clip.text_model(ids, output_hidden_states=True).hidden_states[-2]
        loss: Tensor = self.question_heads(states.float(), ids)
        return loss

    def _patch_loss(self, patches: Tensor, targets: dict[str, Tensor]) -> tuple[Tensor, float]:
        filled = targets["shape"] > 0
        total = patches.new_zeros((), dtype=torch.float32)
        correct = filled.clone()
        for trait in TRAITS:
            logits = self.heads[trait](patches).float()
            each = cross_entropy(logits.flatten(0, 1), targets[trait].flatten(), reduction="none").view_as(filled)
            total = total + each[filled].mean() + EMPTY_WEIGHT * each[~filled].mean()
            if trait != "size":
                correct &= logits.argmax(-1) == targets[trait]
        for axis, index in (("row", _ROWS), ("column", _COLUMNS)):
            logits = self.heads[axis](patches).float().flatten(0, 1)
            total = total + 0.3 * cross_entropy(logits, index.repeat(len(patches)))
        return total, float(correct.sum() / filled.sum())


_ROWS = torch.arange(PATCHES_PER_SIDE).repeat_interleave(PATCHES_PER_SIDE)
_COLUMNS = torch.arange(PATCHES_PER_SIDE).repeat(PATCHES_PER_SIDE)


def train_clip(folder: Path, steps: int, scenes: int) -> tuple[CLIPModel, Tensor]:
    """Train both towers for `steps` batches on `scenes` images of the world and a third as many in easy-VQA's style.

    Returns CLIP and the token ids that occur in this world's texts, (n,) int64.
    """
    torch.manual_seed(0)
    used_ids = _used_ids()
    model = ClipWithHeads(used_ids)
    schedule = Schedule(steps, 1e-3, hold=0.3)
    images, pixels = ([], []) if is_done("clip", schedule, folder) else _images(scenes)
    easy = sorted({question for question, _, _ in easy_questions("train")})

    def loss_of(step: int) -> StepResult:
        rng = random.Random(step)
        indices = [rng.randrange(len(images)) for _ in range(BATCH)]
        ids = torch.tensor([tokenize_instruction(caption(images[k], rng)) for k in indices])
        ids = ids[:, : int(ids.ne(0).sum(1).max())]  # padding has no part in the contrastive loss
        questions = [_question(rng, k, scenes, easy) for k in indices[:QUESTIONS]]
        with torch.autocast("cpu", torch.bfloat16):
            batch = normalised([pixels[k] for k in indices])
            contrastive, patch_loss, accuracy = model.losses(batch, ids, patch_targets([images[k] for k in indices]))
            question_loss = model.question_loss(torch.tensor([tokenize_instruction(text) for text in questions]))
        return contrastive + patch_loss + question_loss, {
            "contrastive": [contrastive.item()],
            "question": [question_loss.item()],
            "patch": [patch_loss.item()],
            "accuracy": [accuracy],
        }

    fit("clip", model, loss_of, schedule, folder)
    return model.clip, used_ids


def _question(rng: random.Random, image: int, scenes: int, easy: Sequence[str]) -> str:
    """A question about a training image: of the world for the first `scenes`, of easy-VQA for the others."""
    return draw_item(rng, world_scene(image))[1].question if image < scenes else rng.choice(easy)


def _used_ids() -> Tensor:
    """Every CLIP id in captions and instructions, the start, end and padding ids included."""
    rng = random.Random(0)
    scenes = [world_scene(k) for k in range(3000)]
    texts = [draw_item(rng, scene)[1].question for scene in scenes]
    texts += [caption(TrainingImage(_NO_PIXELS, labels_of(scene)), rng) for scene in scenes]
    texts += [question for question, _, _ in easy_questions("train")]
    texts += [caption_example(0, scenes[0]).item.question]
    return torch.tensor(sorted({i for text in set(texts) for i in tokenize_instruction(text)}))


def _images(scenes: int) -> tuple[list[TrainingImage], list[np.ndarray]]:
    images = [image_of(world_scene(k)) for k in range(scenes)]
    images += [easy_lookalike(k) for k in range(scenes // 3)]
    return images, [p.pixels for p in images]


def patch_targets(images: Sequence[TrainingImage]) -> dict[str, Tensor]:
    """(B, 36) class indices for each trait; 0 is `nothing`. easy-VQA's rectangle is the world's square."""
    targets = {trait: torch.zeros(len(images), NUM_PATCHES, dtype=torch.long) for trait in TRAITS}
    for b, image in enumerate(images):
        for label in image.labels:
            for trait, values in TRAITS.items():
                value = getattr(label, trait)
                targets[trait][b, label.patch] = values.index("square" if value == "rectangle" else value)
    return targets


def caption(image: TrainingImage, rng: random.Random) -> str:
    """A true sentence about the image, in a random form of a question or a caption."""
    labels = list(image.labels)
    rng.shuffle(labels)
    names = [f"{s.color} {s.shape}" for s in labels]
    one = labels[0]
    across, down = ("left" if one.x < 0.5 else "right"), ("top" if one.y < 0.5 else "bottom")
    whole = " and ".join(f"a {name}" for name in names)
    sentences = [
        whole,
        f"a picture of {whole}",
        f"{len(labels)} shapes: {whole}",
        f"Is there {whole} in the image? yes",
        f"What color is the {one.shape}? {whole}",
        f"What shape is {one.color}? {whole}",
        f"How many shapes are there? {whole}",
        f"a {one.size} {names[0]} at the {down} {across} and {whole}",
        f"Where is the {names[0]}? {down} {across}, {whole}",
    ]
    if len(labels) > 1:
        other = labels[1]
        side = "to the left of" if one.x < other.x else "to the right of"
        height = "above" if one.y < other.y else "below"
        sentences += [f"Is the {names[0]} {w} the {names[1]}? yes, {whole}" for w in (side, height)]
    return rng.choice(sentences)
