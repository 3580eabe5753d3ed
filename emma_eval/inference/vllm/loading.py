"""Which models vLLM can continue, and the engine for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from emma_eval.errors import UserError
from emma_eval.inference.vllm.settings import parse_settings, prepare_environment, vllm_version
from emma_eval.models import ModelHandle

if TYPE_CHECKING:
    from emma_eval.inference.vllm.engine import VllmEngine


def require_embeddings(model: ModelHandle) -> None:
    """Raise UserError unless the model is one whose language model vLLM has. Nothing is loaded."""
    if not model.gives_embeddings:
        raise UserError(
            f"--engine vllm: {model.spec.source} is not for it; vLLM continues EMMA and LLaVA, in every layout: "
            "mPLUG-Owl2 has a language model that vLLM lacks, and hf: and openai: models bring an engine of their own"
        )


def load_vllm_engine(model: ModelHandle, batch_size: int | Literal["auto"], options: Mapping[str, str]) -> VllmEngine:
    """The engine; vLLM itself starts with the first requests. `batch_size`: requests that it computes at a time.

    Raises UserError for an unsound option, without vLLM, and for everything that can be wrong with the model.
    """
    require_embeddings(model)
    settings = parse_settings(batch_size, options)
    vllm_version()
    prepare_environment()
    runner = model.load()
    from emma_eval.inference.vllm.engine import VllmEngine

    if runner.device.type == "cuda" and runner.device.index:
        raise UserError(f"--device {runner.device}: vLLM takes the first GPU it sees; choose by CUDA_VISIBLE_DEVICES")
    return VllmEngine(runner, settings)
