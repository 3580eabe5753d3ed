"""vLLM in an environment of its own that the caller names: its own LLaVA, and this program's `--engine vllm`.

Start-up is not counted. For its own LLaVA images are decoded and resized before, and its image processor has nothing
left to resize; `--engine vllm` does everything itself, as the built-in engine does.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.peers.checkpoints import save_llava
from benchmarks.peers.inputs import PeerInput, peer_inputs
from benchmarks.variants import Pass, Passes, Runner
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.types import InferenceStats, Request

LLAVA_WORKER = Path(__file__).with_name("vllm_worker.py")
ENGINE_WORKER = Path(__file__).with_name("vllm_engine_worker.py")
ROOT = Path(__file__).parents[2]
PASSES = 2  # at least: the first one warms up


def vllm_llava(python: Path) -> Passes:
    """Passes of vLLM's own LLaVA by the interpreter of its environment."""

    def passes(runner: Runner, requests: Sequence[Request], repeats: int) -> Iterator[Pass]:
        inputs = peer_inputs(runner, requests, embedded=False)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            save_llava(runner, folder / "model")
            _write_job(runner, inputs, max(PASSES, repeats), folder)
            _run_worker(python, LLAVA_WORKER, folder)
            results = json.loads((folder / "out.json").read_text())["passes"]
        for result in results:
            answers = {one.index: runner.tokenizer.decode(ids) for one, ids in zip(inputs, result["ids"], strict=True)}
            yield Pass(answers, result["seconds"], _stats(runner, inputs, result))

    return passes


def vllm_engine(python: Path, model: str) -> Passes:
    """Passes of `--engine vllm`, with empty caches each, by the interpreter of its environment."""

    def passes(runner: Runner, requests: Sequence[Request], repeats: int) -> Iterator[Pass]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "job.pickle").write_bytes(pickle.dumps((model, list(requests), repeats)))
            _run_worker(python, ENGINE_WORKER, folder)
            yield from pickle.loads((folder / "passes.pickle").read_bytes())

    return passes


def _write_job(runner: Runner, inputs: Sequence[PeerInput], passes: int, folder: Path) -> None:
    image_id, tensors, rows = runner.model.llama.config.vocab_size, dict[str, Tensor](), []
    names: dict[bytes, str] = {}  # of each distinct image
    for one in inputs:
        images = [names.setdefault(image.tobytes(), f"image {len(names)}") for image in one.pixels]
        tensors |= {name: torch.from_numpy(image) for name, image in zip(images, one.pixels, strict=True)}
        ids = [image_id if token == IMAGE_ID else token for token in one.ids]
        rows.append({"index": one.index, "max_new_tokens": one.max_new_tokens, "ids": ids, "images": images})
    save_file(tensors, folder / "tensors.safetensors")
    job = {"requests": rows, "eos_ids": sorted(runner.eos_ids), "passes": passes}
    (folder / "job.json").write_text(json.dumps(job))


def _run_worker(python: Path, worker: Path, folder: Path) -> None:
    """Raises RuntimeError with the end of what it said if it fails."""
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = [str(python), str(worker), str(folder)]
    environment = inherited | {"PYTHONPATH": str(ROOT)}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{process.stdout[-2000:]}\n{process.stderr[-2000:]}")


def _stats(runner: Runner, inputs: Sequence[PeerInput], result: dict) -> InferenceStats:
    lengths = [len(one.ids) + (runner.model.num_image_tokens - 1) * one.ids.count(IMAGE_ID) for one in inputs]
    return InferenceStats(
        prompt_tokens=sum(lengths),
        computed_tokens=sum(lengths) - result["cached_tokens"],
        new_tokens=sum(map(len, result["ids"])),
    )
