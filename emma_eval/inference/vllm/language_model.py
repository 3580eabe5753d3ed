"""vLLM as our LLaMA: started in this process with its weights, it takes embeddings and gives ids.

No file of weights is written: vLLM's loader is given our tensors one by one, and each is freed here once it is there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import catch_warnings

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.inference.vllm.settings import VllmSettings, vllm_version
from emma_eval.models.llama.config import LlamaConfig
from emma_eval.models.llama.generation import Continuation, Limits
from emma_eval.models.llama.model import Llama
from emma_eval.models.llama.weights import official_tensors
from emma_eval.utils.cpu import return_freed_memory
from emma_eval.utils.file_errors import is_address_space_full, is_memory_shortage
from emma_eval.utils.text import error_message

LOAD_FORMAT = "emma_eval"  # the name of our loader in vLLM's table
EMBEDDING = "embed_tokens.weight"  # stays here: prompts are embedded by us
FAILED = "failed; what is answered is kept, and the same command goes on"
UNINSTALL = "the torchvision here does not fit PyTorch: pip uninstall torchvision, see docs/vllm.md"
NO_MEMORY = "there is not enough memory: free some, and the same command goes on"
RECORDED = {  # of vLLM's configuration, in the manifest
    "cache_config": ("block_size", "enable_prefix_caching"),
    "scheduler_config": ("max_num_batched_tokens", "max_num_seqs"),
    "model_config": ("max_model_len", "enforce_eager"),
}


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to a request, and how many of its prompt's tokens vLLM had computed before."""

    index: int
    answer: Continuation
    cached_tokens: int


class LanguageModel:
    """A running vLLM. An exception of vLLM's becomes a UserError that says so: nothing of it can be used any more."""

    def __init__(self, llm: Any, eos_ids: Set[int]) -> None:
        self._llm, self._engine = llm, llm.llm_engine
        self._eos_ids = eos_ids

    @property
    def facts(self) -> dict[str, Any]:
        """The settings that it runs with."""
        config = self._engine.vllm_config
        return {name: getattr(getattr(config, part), name) for part, names in RECORDED.items() for name in names}

    @property
    def max_length(self) -> int:
        """How many tokens prompt and answer may have together."""
        return int(self._engine.vllm_config.model_config.max_model_len)

    def add(self, index: int, embeds: Tensor, limits: Limits) -> None:
        """Queue a prompt of embeddings (L, D), on the CPU."""
        from vllm import SamplingParams

        sampling = SamplingParams(
            temperature=0.0,
            max_tokens=limits.most,
            min_tokens=min(limits.least, limits.most),
            stop_token_ids=sorted(self._eos_ids),
            ignore_eos=True,  # what ends an answer is said above
            logprobs=0,  # of the chosen ids, which tell whether logits are finite
            detokenize=False,
        )
        with _failures(FAILED):
            self._engine.add_request(str(index), {"prompt_embeds": embeds}, sampling)

    def step(self) -> list[Completion]:
        """Compute one step of all that is queued; the answers that have ended by it."""
        with _failures(FAILED):
            outputs = self._engine.step()
        return [self._completion(output) for output in outputs if output.finished]

    def abort(self, indices: Iterable[int]) -> None:
        """Forget these requests."""
        self._engine.abort_request([str(index) for index in indices])

    def clear(self) -> None:
        """Forget the keys and values of earlier prompts; their memory is zero afterwards. Nothing may be queued."""
        with _failures(FAILED):
            self._engine.reset_prefix_cache()
            self._llm.collective_rpc(_zero_kv_caches)

    def close(self) -> None:
        """End it and free its memory."""
        self._engine.engine_core.shutdown()

    def _completion(self, output: Any) -> Completion:
        (one,) = output.outputs
        ids = list(one.token_ids)
        finite = _finite_ids(one)
        if finite < len(ids):
            answer = Continuation(ids[:finite], "error")
        else:
            answer = Continuation(ids, "stop" if ids and ids[-1] in self._eos_ids else "length")
        return Completion(int(output.request_id), answer, output.num_cached_tokens or 0)


def start_vllm(llama: Llama, eos_ids: Set[int], max_length: int, settings: VllmSettings) -> LanguageModel:
    """Start vLLM with the language model, which has embeddings alone afterwards.

    `max_length`: tokens of the longest prompt and answer together. Raises UserError if vLLM does not start.
    """
    version = vllm_version()
    device = llama.device.type
    with (
        _failures(f"{version} did not start"),
        catch_warnings(action="ignore", category=FutureWarning),  # of what vLLM imports
        TemporaryDirectory(prefix="emma-eval-vllm-") as folder,
    ):
        from vllm import LLM
        from vllm.platforms import current_platform

        if current_platform.device_type != device:
            raise UserError(
                f"the vLLM that is installed computes on {current_platform.device_type}, and the model is on {device}; "
                f"--device {current_platform.device_type} puts it there"
            )
        _register_loader(llama)
        if device != "cpu":
            llama.layers.to("cpu")  # vLLM measures the GPU's free memory before it loads
            torch.cuda.empty_cache()
        (Path(folder) / "config.json").write_text(json.dumps(vllm_config(llama, max_length)))
        llm = LLM(
            folder,
            load_format=LOAD_FORMAT,
            skip_tokenizer_init=True,
            enable_prompt_embeds=True,
            enable_prefix_caching=True,  # by a hash of the embeddings
            dtype=str(llama.dtype).removeprefix("torch."),
            max_model_len=max_length,
            seed=0,
            **settings.arguments(device, _bytes_per_token(llama), max_length),
        )
    return_freed_memory()  # of weights that vLLM has packed anew
    return LanguageModel(llm, eos_ids)


def vllm_config(llama: Llama, max_length: int) -> dict[str, Any]:
    """The language model's config.json as transformers and vLLM read it. With a sliding window it is a Mistral."""
    config, window = llama.config, llama.sliding_window
    rope: dict[str, Any] = {"rope_type": config.rope_scaling.rope_type, "rope_theta": config.rope_theta}
    if config.rope_scaling.rope_type == "linear":
        rope["factor"] = config.rope_scaling_factor
    kind = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    if window is not None:
        kind = {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    return kind | {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "head_dim": config.head_dim,
        "hidden_act": config.hidden_act,
        "rms_norm_eps": config.rms_norm_eps,
        "rope_parameters": rope,
        "max_position_embeddings": max_length,
        "sliding_window": window,
        "tie_word_embeddings": False,
    }


def hand_over(llama: Llama) -> Iterator[tuple[str, Tensor]]:
    """(official name, tensor) of all weights; each but the embeddings is freed as the next is asked for."""
    for name, parameter in llama.named_parameters():
        yield from official_tensors(name, parameter.detach(), llama.config.head_dim)
        if name != EMBEDDING:
            parameter.data = parameter.new_empty(0)
            return_freed_memory()


def _zero_kv_caches(worker: Any) -> None:
    for cache in worker.model_runner.kv_caches:
        cache.zero_()


def _register_loader(llama: Llama) -> None:
    """Make our loader the one of LOAD_FORMAT, the last model's."""
    from vllm.model_executor import model_loader
    from vllm.model_executor.model_loader.base_loader import BaseModelLoader

    class Handover(BaseModelLoader):  # type: ignore[misc]  # vLLM is untyped here
        def download_model(self, model_config: Any) -> None:
            """Nothing is downloaded."""

        def load_weights(self, model: Any, model_config: Any) -> None:
            loaded = model.load_weights(hand_over(llama))
            if missing := {name for name, _ in model.named_parameters()} - loaded:
                raise RuntimeError(f"no weights for {', '.join(sorted(missing))}")

    model_loader.register_model_loader(LOAD_FORMAT)(Handover)


def _bytes_per_token(llama: Llama) -> int:
    """Of keys and values."""
    config: LlamaConfig = llama.config
    return 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * llama.dtype.itemsize


def _finite_ids(output: Any) -> int:
    """How many ids come before the first whose log probability is not finite: those of all ids are sums over logits."""
    if math.isfinite(output.cumulative_logprob):
        return len(output.token_ids)
    chosen: Sequence[float] = [
        of_id[token].logprob for token, of_id in zip(output.token_ids, output.logprobs, strict=True)
    ]
    return next((place for place, logprob in enumerate(chosen) if not math.isfinite(logprob)), len(chosen))


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """Turn exceptions of vLLM's into a UserError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error_message(error)}"
        more = "VLLM_LOGGING_LEVEL=INFO shows more"
        if is_memory_shortage(error) or is_address_space_full():
            more = NO_MEMORY
        elif "torchvision" in reason:
            more = UNINSTALL
        raise UserError(f"vLLM {what}: {reason} ({more})") from error
