"""A stand-in for vLLM: the same calls, answered by transformers' LLaMA, a token of every running request a step.

As in vLLM NaNs stay in the memory of keys and values, and spoil whatever comes next until it is cleared.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from emma_eval.inference.vllm import settings

VERSION = "0.99.0"


@dataclass
class Running:
    prompt: Tensor  # (L, D)
    params: dict[str, Any]
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class LLM:
    """Both vLLM's LLM and its llm_engine."""

    started: LLM | None = None  # the last one
    dies_at_step: int | None = None
    does_not_start: Exception | None = None
    loaders: ClassVar[dict[str, Any]] = {}

    def __init__(self, folder: str, **arguments: Any) -> None:
        if LLM.does_not_start:
            raise LLM.does_not_start
        self.config = json.loads((Path(folder) / "config.json").read_text())
        self.arguments = arguments
        self.model = LlamaForCausalLM(LlamaConfig.from_dict(self.config)).to(getattr(torch, arguments["dtype"])).eval()
        LLM.loaders[arguments["load_format"]](None).load_weights(Weights(self.model), None)
        self.requests: dict[str, Running] = {}
        self.prompts: list[Tensor] = []  # of all requests, in the order that they came
        self.steps, self.most_running = 0, 0
        self.kv_caches = [torch.zeros(1)]
        config = {name: arguments.get(name) for name in ("block_size", "enable_prefix_caching", "max_num_seqs")}
        config |= {name: arguments.get(name) for name in ("max_num_batched_tokens", "max_model_len", "enforce_eager")}
        part = SimpleNamespace(**config)
        self.vllm_config = SimpleNamespace(cache_config=part, scheduler_config=part, model_config=part)
        self.llm_engine = self
        self.engine_core = SimpleNamespace(shutdown=lambda: None)
        LLM.started = self

    def add_request(self, request_id: str, prompt: dict[str, Tensor], params: dict[str, Any]) -> None:
        assert request_id not in self.requests
        self.prompts.append(prompt["prompt_embeds"])
        self.requests[request_id] = Running(prompt["prompt_embeds"], params)

    def abort_request(self, request_ids: list[str]) -> None:
        for request_id in request_ids:
            del self.requests[request_id]

    def collective_rpc(self, call: Any) -> None:
        call(SimpleNamespace(model_runner=self))

    def reset_prefix_cache(self) -> None:
        assert not self.requests

    def step(self) -> list[Any]:
        self.steps += 1
        if self.steps == LLM.dies_at_step:
            raise RuntimeError("the engine core\ndied")
        outputs: list[Any] = []
        at_once = list(self.requests.items())[: self.arguments["max_num_seqs"]]
        self.most_running = max(self.most_running, len(at_once))
        for request_id, running in at_once:
            self._next_id(running)
            is_last = running.ids[-1] in running.params["stop_token_ids"]
            if is_last or len(running.ids) == running.params["max_tokens"]:
                del self.requests[request_id]
                answer = SimpleNamespace(
                    token_ids=running.ids,
                    cumulative_logprob=sum(running.logprobs),
                    logprobs=[
                        {i: SimpleNamespace(logprob=p)} for i, p in zip(running.ids, running.logprobs, strict=True)
                    ],
                )
                outputs.append(
                    SimpleNamespace(request_id=request_id, finished=True, outputs=[answer], num_cached_tokens=1)
                )
        return outputs

    @torch.inference_mode()
    def _next_id(self, running: Running) -> None:
        embeds = torch.cat([running.prompt, self.model.model.embed_tokens(torch.tensor(running.ids, dtype=torch.long))])
        logits = self.model(inputs_embeds=embeds[None]).logits[0, -1].float() + self.kv_caches[0]
        if logits.isnan().any():
            self.kv_caches[0].fill_(torch.nan)
        logprobs = logits.log_softmax(dim=-1)
        if len(running.ids) < running.params["min_tokens"]:
            logits[running.params["stop_token_ids"]] = -torch.inf
        running.ids.append(int(logits.argmax()))
        running.logprobs.append(float(logprobs[running.ids[-1]]))


class Weights(nn.Module):
    """A model whose weights a loader brings."""

    def __init__(self, model: LlamaForCausalLM) -> None:
        super().__init__()
        self.named_parameters = model.named_parameters  # type: ignore[method-assign]
        self._load = model.load_state_dict

    def load_weights(self, tensors: Any) -> set[str]:
        state = {name: tensor.clone() for name, tensor in tensors}
        self._load(state)
        return set(state)


def install(patch: pytest.MonkeyPatch, device: str = "cpu") -> None:
    """Let `import vllm` find this."""
    names = ("vllm", "vllm.platforms", "vllm.model_executor", "vllm.model_executor.model_loader")
    modules = {name: ModuleType(name) for name in (*names, "vllm.model_executor.model_loader.base_loader")}
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        patch.setitem(sys.modules, name, module)
    everything: dict[str, Any] = {
        "LLM": LLM,
        "SamplingParams": lambda **params: params,
        "current_platform": SimpleNamespace(device_type=device),
        "register_model_loader": lambda name: lambda loader: LLM.loaders.update({name: loader}),
        "BaseModelLoader": type("BaseModelLoader", (), {"__init__": lambda self, config: None}),
    }
    for module in modules.values():
        for name, value in everything.items():
            setattr(module, name, value)
    patch.setattr(settings.metadata, "version", lambda package: VERSION)
    for name in ("started", "dies_at_step", "does_not_start"):
        patch.setattr(LLM, name, None)
    for name in (settings.MULTIPROCESSING, "OMP_NUM_THREADS", "VLLM_CPU_KVCACHE_SPACE"):
        patch.setenv(name, "")  # so that it is restored, whatever is set meanwhile
        patch.delenv(name)
