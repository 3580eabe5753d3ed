"""EMMA: look, listen, align, project, answer. Plain LLaVA-1.5 is the same without listening and aligning.

Each stage is a method of its own, so that tests and analyses read intermediate features without hooks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emma_eval.errors import SampleError
from emma_eval.images.sources import UnpaddedImage
from emma_eval.models.checkpoints.templates import DEFAULT_TEMPLATE, render_prompt
from emma_eval.models.clip.image_processor import ImageProcessor
from emma_eval.models.clip.model import Towers
from emma_eval.models.clip.text_tokenizer import instruction_ids
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.batching import MultimodalPrompt, TrieRow, as_rows, cut
from emma_eval.models.emma.config import EmmaConfig
from emma_eval.models.emma.tokenizer import IMAGE_ID, LlamaTokenizer
from emma_eval.models.llama.cuda_graphs import Steps
from emma_eval.models.llama.generation import Continuation, State, greedy, prefill
from emma_eval.models.llama.kv_cache import KeyValues, Layers
from emma_eval.models.llama.memory import tokens_that_fit
from emma_eval.models.llama.model import Llama
from emma_eval.models.llama.prefix_trie import ImageSpan, Item, Tree, common_start, weave
from emma_eval.types import Generation, ImageSource, Request
from emma_eval.utils.lru_cache import Recent
from emma_eval.utils.text import pluralize

Pixels = Mapping[ImageSource, NDArray[np.uint8]]  # (3, S, S) each: resized and cropped, not normalised

VISION_KEPT = 256  # images whose features are kept for later questions about them
TEXT_KEPT = 1024  # instructions whose features are
CPU_BATCH_TOKENS = 8192  # more was not faster on 2 cores
VISION_BATCH = 64  # images that the vision tower sees at a time

MENDS = {  # of logits that are not finite
    torch.float16: "the model overflows float16, or its weights are broken; try --dtype bfloat16 (or float32)",
    torch.bfloat16: "try --dtype float32; if that fails too, the weights are broken",
    torch.float32: "the weights are broken, for what overflows float16 alone (and --dtype bfloat16 mends) is finite in "
    "float32; take another copy or an earlier save of the checkpoint",
}


@dataclass(frozen=True, eq=False)
class Emma:
    """A loaded checkpoint. All modules are in one floating-point type on one device."""

    config: EmmaConfig
    processor: ImageProcessor
    tokenizer: LlamaTokenizer
    towers: Towers
    alignment: Alignment | None  # None: plain LLaVA
    projector: nn.Module
    llama: Llama
    built: str = ""  # in words: architecture, version, towers, type, and what of the folder is not used

    template = DEFAULT_TEMPLATE

    @property
    def family(self) -> str:
        """Whose evaluation scripts ask a question in this model's own wording."""
        return "emma" if self.alignment else "llava"

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.llama.device

    @property
    def dtype(self) -> torch.dtype:
        """What the model computes in."""
        return self.llama.dtype

    @property
    def max_batch_tokens(self) -> int:
        """How many tokens a batch may hold: what is free of the GPU's memory decides, and the cache of a CPU."""
        return tokens_that_fit(self.llama) if self.device.type == "cuda" else CPU_BATCH_TOKENS

    def render_prompt(self, message: str) -> str:
        """The prompt that the language model reads: the message in the model's conversation template."""
        return render_prompt(message, self.template)

    def tokenize(self, request: Request) -> MultimodalPrompt:
        """Tokenise. Raises SampleError for an image without its marker."""
        ids = self.tokenizer.encode_prompt(self.render_prompt(request.message))
        if (markers := ids.count(IMAGE_ID)) != len(request.images):
            raise SampleError(f"the prompt has {markers} image markers for {len(request.images)} images")
        instruction = instruction_ids(request.instruction) if self.alignment else None
        rows = self.towers.patches + self.config.keep_class_token
        shown = iter(ImageSpan(image, instruction, rows) for image in request.images)
        items: list[Item] = [next(shown) if index == IMAGE_ID else index for index in ids]
        kept = items
        if request.images:  # the reference cuts only sequences that hold images
            kept = list(cut(items, self.config.max_length))
        return MultimodalPrompt(
            tuple(ids), instruction, request.images, tuple(kept), request.max_new_tokens, truncated=kept != items
        )

    def preprocess_image(self, image: ImageSource) -> NDArray[np.uint8]:
        """Decode, resize and crop an image: (3, S, S). Raises SampleError if it is unreadable. Any thread may call."""
        try:
            processor = (
                replace(self.processor, pad_to_square=False) if isinstance(image, UnpaddedImage) else self.processor
            )
            return processor.pixels_uint8(image.open())
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files as it decodes them
            raise SampleError(f"{image.label}: unreadable image: {error}") from error
        except MemoryError as error:
            raise SampleError(f"{image.label}: no memory to decode the image in") from error

    def shared_prefix(self, prompts: Sequence[MultimodalPrompt]) -> tuple[int, ...]:
        """The ids that all prompts begin with, which need be read once: the system text."""
        return common_start([prompt.items for prompt in prompts])

    def collate(self, prompts: Sequence[MultimodalPrompt], prefix: tuple[int, ...] = ()) -> list[TrieRow]:
        """Prompts as rows of a batch; what they share is in them once, and `prefix` is read before."""
        return as_rows(prompts, prefix)

    @torch.inference_mode()
    def generate(self, rows: Sequence[TrieRow], pixels: Pixels) -> list[list[Generation]]:
        """Answer a batch greedily: for each row, its members' answers. `pixels` holds every image they show."""
        logits, state = self.prefill(rows, pixels)
        limits = [limit for row in rows for limit in row.max_new_tokens]
        answers = iter(greedy(self.llama, logits, state, limits, self.config.eos_ids))
        return [[self._generation(next(answers)) for _ in row.indices] for row in rows]

    def prefill(self, rows: Sequence[TrieRow], pixels: Pixels) -> tuple[Tensor, State]:
        """Read a batch: the logits (P, V) of each member's first new token, row by row, and the state to go on with."""
        trees = [row.tree for row in rows]
        prefix = next((row.prefix for row in rows if row.prefix), ())
        read: Layers = self._read_before.of([prefix], lambda _: [self._read_prefix(prefix)])[prefix] if prefix else ()
        logits, state = prefill(self.llama, self._memory, trees, self.embed(trees, pixels), read)
        state.steps = self._steps
        return logits, state

    def _generation(self, answer: Continuation) -> Generation:
        ids, reason = answer
        error = f"logits are not finite after {pluralize(len(ids), 'new token')}: {MENDS[self.dtype]}"
        return Generation(self.tokenizer.decode(ids), tuple(ids), reason, error if reason == "error" else "")

    def ask(self, requests: Sequence[Request]) -> list[Generation]:
        """Answer a few requests at once, in order. Raises SampleError if one cannot be answered."""
        prompts = [self.tokenize(request) for request in requests]
        rows = as_rows(prompts)
        answers = self.generate(
            rows, {image: self.preprocess_image(image) for prompt in prompts for image in prompt.images}
        )
        members = [member for row in rows for member in row.indices]
        in_order = dict(zip(members, (one for ones in answers for one in ones), strict=True))
        if error := next((one.error for one in in_order.values() if one.error), ""):
            raise SampleError(error)
        return [in_order[number] for number in range(len(prompts))]

    def embed(self, trees: Sequence[Tree], pixels: Pixels) -> list[Tensor]:
        """What the language model reads in each tree's slots: (size, D) each."""
        shown = self.image_embeddings([item for tree in trees for item in tree.images], pixels)
        ids = torch.from_numpy(np.concatenate([tree.ids() for tree in trees])).to(self.device)
        embeds = torch.split(self.llama.embed(ids), [tree.size for tree in trees])
        for tree, slots in zip(trees, embeds, strict=True):
            for item, slot, _ in tree.items:
                if isinstance(item, ImageSpan):
                    slots[slot : slot + item.rows] = shown[item]
        return list(embeds)

    def image_embeddings(self, shown: Iterable[ImageSpan], pixels: Pixels) -> dict[ImageSpan, Tensor]:
        """Images as the language model sees them: (N, D) each."""
        distinct = list(dict.fromkeys(shown))
        if not distinct:
            return {}
        vision = self._seen.of([one.image for one in distinct], lambda images: self._see(images, pixels))
        features = torch.stack([vision[one.image] for one in distinct])  # (P, N, Dv)
        if self.alignment is not None:
            asked = [one.instruction or () for one in distinct]
            text = self._heard.of(asked, self._hear)
            features = self.alignment(features, torch.stack([text[ids] for ids in asked]))
        projected = cast(Tensor, self.projector(features))  # (P, N, D)
        return {one: rows[: one.rows] for one, rows in zip(distinct, projected, strict=True)}

    def vision_features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> V (B, N, Dv): the selected layer of CLIP's vision tower, class token dropped."""
        features = self.towers.vision_features(pixels.to(self.device, self.dtype))
        return features if self.config.keep_class_token else features[:, 1:]

    def text_features(self, ids: Tensor) -> Tensor:
        """Instruction ids (B, 77) -> X (B, T, Dt): the selected layer and positions of CLIP's text tower."""
        assert self.config.alignment is not None, "plain LLaVA does not listen"
        return self.towers.text_features(ids.to(self.device))[:, self.config.alignment.text_positions]

    def normalise(self, levels: Tensor) -> Tensor:
        """Levels (B, 3, S, S) uint8 -> pixels (B, 3, S, S) in the model's type, by the processor's own table."""
        rows = torch.arange(0, 3 * 256, 256, dtype=torch.int32, device=levels.device)[:, None, None]
        return self._table.index_select(0, (rows + levels).flatten()).view(levels.shape)

    @cached_property
    def _table(self) -> Tensor:
        """(3 x 256,) the normalised value of each level, a channel behind the other."""
        return torch.from_numpy(self.processor.normalization_table()).flatten().to(self.device, self.dtype)

    @cached_property
    def _memory(self) -> KeyValues:
        return KeyValues(self.llama.config, self.dtype, self.device)

    @cached_property
    def _steps(self) -> Steps | None:
        return Steps(self.llama, self._memory) if self.device.type == "cuda" else None

    @cached_property
    def _seen(self) -> Recent[ImageSource, Tensor]:
        return Recent(VISION_KEPT)

    @cached_property
    def _heard(self) -> Recent[tuple[int, ...], Tensor]:
        return Recent(TEXT_KEPT)

    @cached_property
    def _read_before(self) -> Recent[tuple[int, ...], Layers]:
        return Recent(1)

    def _see(self, images: Sequence[ImageSource], pixels: Pixels) -> list[Tensor]:
        features: list[Tensor] = []
        for start in range(0, len(images), VISION_BATCH):
            levels = np.stack([pixels[image] for image in images[start : start + VISION_BATCH]])
            features += self.vision_features(self.normalise(torch.from_numpy(levels).to(self.device))).unbind()
        return features

    def _hear(self, instructions: Sequence[tuple[int, ...]]) -> Sequence[Tensor]:
        assert self.alignment is not None
        return self.alignment.project_text(self.text_features(torch.tensor(instructions))).unbind()

    def _read_prefix(self, ids: tuple[int, ...]) -> Layers:
        tree = weave([ids])
        prefill(self.llama, self._memory, [tree], self.embed([tree], {}))
        return self._memory.copy()
