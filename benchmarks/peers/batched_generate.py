"""transformers' `generate` in batches: its own model, left padding, the longest prompts first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationMixin

from benchmarks.peers.checkpoints import to_llava
from benchmarks.peers.inputs import PeerInput, expanded, peer_inputs
from benchmarks.transformers_loop import to_transformers
from benchmarks.variants import WARM_UP, Answers, Pass, Runner
from emma_eval.types import InferenceStats, Request

BATCH_SIZE = 32

Batch = tuple[Sequence[PeerInput], dict[str, Tensor]]  # and what `generate` takes of them


def llava_in_batches(runner: Runner, requests: Sequence[Request], repeats: int) -> Iterator[Pass]:
    """LlavaForConditionalGeneration on ids and normalized pixels."""
    llava = to_llava(runner)

    def collate(batch: Sequence[PeerInput]) -> dict[str, Tensor]:
        ids = [expanded(one.ids, llava.config.image_token_id, runner.model.num_image_tokens) for one in batch]
        pixels = [image for one in batch for image in one.pixels]
        inputs = left_padded("input_ids", [torch.tensor(of_one) for of_one in ids])
        return inputs | ({"pixel_values": runner.normalize(torch.from_numpy(np.stack(pixels)))} if pixels else {})

    return _passes(llava, runner, _batches(peer_inputs(runner, requests, embedded=False), collate), repeats)


def llama_in_batches(runner: Runner, requests: Sequence[Request], repeats: int) -> Iterator[Pass]:
    """LlamaForCausalLM, continuing from the prompts' embeddings: transformers has no EMMA."""

    def collate(batch: Sequence[PeerInput]) -> dict[str, Tensor]:
        return left_padded("inputs_embeds", [one.embeds for one in batch if one.embeds is not None])

    inputs = peer_inputs(runner, requests, embedded=True)
    return _passes(to_transformers(runner.model.llama), runner, _batches(inputs, collate), repeats)


def left_padded(name: str, rows: Sequence[Tensor]) -> dict[str, Tensor]:
    """Rows (L, ...) as one tensor, padded with 0 at their beginning, and the attention mask."""
    mask = [torch.ones(len(row), dtype=torch.long) for row in rows]
    return {
        name: pad_sequence(list(rows), batch_first=True, padding_side="left"),
        "attention_mask": pad_sequence(mask, batch_first=True, padding_side="left"),
    }


def _batches(inputs: Sequence[PeerInput], collate: Callable[[Sequence[PeerInput]], dict[str, Tensor]]) -> list[Batch]:
    parts = (inputs[start : start + BATCH_SIZE] for start in range(0, len(inputs), BATCH_SIZE))
    return [(part, collate(part)) for part in parts]


def _passes(model: GenerationMixin, runner: Runner, batches: Sequence[Batch], repeats: int) -> Iterator[Pass]:
    _answer(model, runner, batches[: WARM_UP // BATCH_SIZE])
    for _ in range(repeats):
        start = time.perf_counter()
        answers, stats = _answer(model, runner, batches)
        yield Pass(answers, time.perf_counter() - start, stats)


@torch.inference_mode()
def _answer(model: GenerationMixin, runner: Runner, batches: Sequence[Batch]) -> tuple[Answers, InferenceStats]:
    answers, stats = Answers(), InferenceStats(batches=len(batches))
    for batch, inputs in batches:
        ids = model.generate(
            **inputs,
            max_new_tokens=max(one.max_new_tokens for one in batch),
            eos_token_id=sorted(runner.eos_ids),
            pad_token_id=0,
            do_sample=False,
        )
        if "input_ids" in inputs:  # the prompt comes first
            ids = ids[:, inputs["input_ids"].shape[1] :]
        for one, row in zip(batch, ids.tolist(), strict=True):
            answer = up_to_end(row[: one.max_new_tokens], runner.eos_ids)
            answers[one.index] = runner.tokenizer.decode(answer)
            stats.new_tokens += len(answer)
        lengths = inputs["attention_mask"].sum(dim=1)
        stats.prompt_tokens += int(lengths.sum())
        stats.computed_tokens += int(lengths.sum())
        stats.padding_tokens += int((inputs["attention_mask"] == 0).sum())
        stats.images += len(inputs.get("pixel_values", ()))
    return answers, stats


def up_to_end(ids: Sequence[int], eos_ids: frozenset[int]) -> list[int]:
    """The ids up to the first end id, itself included."""
    end = next((place for place, token in enumerate(ids, start=1) if token in eos_ids), len(ids))
    return list(ids[:end])
