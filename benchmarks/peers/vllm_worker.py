"""Runs in vLLM's own environment: its own LLaVA answers the requests of a folder; writes ids and seconds there.

    ENVIRONMENT/bin/python benchmarks/peers/vllm_worker.py FOLDER

FOLDER holds `model` as transformers saves it, `job.json` (requests, end ids, passes) and a tensor file of pixels.
`out.json` has each pass's seconds, its answers' ids and how many prompt tokens vLLM found in its prefix cache.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

SETTINGS = {
    "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),  # it takes one thread otherwise
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GB
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
os.environ.update(SETTINGS)

import torch  # noqa: E402 - reads the environment
from PIL import Image  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from vllm import LLM, ModelRegistry, SamplingParams  # noqa: E402

WINDOW = 512  # requests given at a time


def main(folder: Path) -> None:
    """Answer every request in each pass; caches are empty before it."""
    job = json.loads((folder / "job.json").read_text())
    tensors = load_file(folder / "tensors.safetensors")
    prompts = [_prompt(request, tensors) for request in job["requests"]]
    limits = [
        SamplingParams(
            temperature=0.0, max_tokens=request["max_new_tokens"], stop_token_ids=job["eos_ids"], detokenize=False
        )
        for request in job["requests"]
    ]
    _register_llava()
    llm = LLM(
        str(folder / "model"),
        dtype="float32",
        max_model_len=512,
        enforce_eager=True,
        enable_prefix_caching=True,
        block_size=32,  # the default of 128 is longer than what the prompts share
        max_num_batched_tokens=8192,
        max_num_seqs=128,
        seed=0,
    )
    passes = []
    for _ in range(job["passes"]):
        llm.reset_prefix_cache()
        llm.reset_mm_cache()
        start = time.perf_counter()
        outputs = []
        for first in range(0, len(prompts), WINDOW):
            part = slice(first, first + WINDOW)
            outputs += llm.generate(prompts[part], limits[part], use_tqdm=False)
        seconds = time.perf_counter() - start
        passes.append(
            {
                "seconds": seconds,
                "ids": [list(output.outputs[0].token_ids) for output in outputs],
                "cached_tokens": sum(output.num_cached_tokens or 0 for output in outputs),
            }
        )
    (folder / "out.json").write_text(json.dumps({"passes": passes}))


def _register_llava() -> None:
    """Import vLLM's LLaVA, which another process would inspect, past torchvision.

    Its module imports that of another model, which takes a module of torchvision's and does not use it; torchvision as
    PyPI has it does not load beside PyTorch for CPUs.
    """
    parts = (
        "torchvision",
        "torchvision.transforms",
        "torchvision.transforms.v2",
        "torchvision.transforms.v2.functional",
    )
    sys.modules |= {part: MagicMock() for part in parts}
    from vllm.model_executor.models.llava import LlavaForConditionalGeneration as Llava

    for part in parts:
        del sys.modules[part]
    ModelRegistry.register_model(Llava.__name__, Llava)


def _prompt(request: dict[str, Any], tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    images = [Image.fromarray(tensors[name].permute(1, 2, 0).numpy()) for name in request["images"]]
    prompt = {"prompt_token_ids": request["ids"]}
    return prompt | ({"multi_modal_data": {"image": images}} if images else {})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
