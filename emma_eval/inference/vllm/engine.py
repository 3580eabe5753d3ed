"""The engine around vLLM: a runner's embeddings in batches, which vLLM continues, many requests at a time."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from emma_eval.inference.engine import EngineDescription, Outcome
from emma_eval.inference.preparation import PreparedBatch, prepared_batches
from emma_eval.inference.scheduler import BatchBudget, Scheduler
from emma_eval.inference.vllm.language_model import LanguageModel, start_vllm
from emma_eval.inference.vllm.queue import RequestQueue
from emma_eval.inference.vllm.settings import VllmSettings, vllm_version
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import InferenceStats, Request

EMBEDDED_TOKENS = 16_384  # of requests that are embedded at a time
TOKENS_BESIDE_BYTES = 8  # of a prompt: what a tokenizer adds at its beginning and around an image


@dataclass(slots=True)
class VllmEngine:
    """Runs a multimodal model whose language model vLLM computes. Requests on the same images follow each other."""

    runner: ModelRunner[Any]
    settings: VllmSettings
    language_model: LanguageModel | None = field(default=None, init=False)  # started for the first requests

    def describe(self) -> EngineDescription:
        """What the model says of itself, and that vLLM continues it."""
        description = EngineDescription.of_model(self.runner)
        engine = f"vLLM {vllm_version()} continues from the embeddings"
        return replace(description, summary="; ".join(filter(None, [description.summary, engine])))

    def facts(self) -> dict[str, Any]:
        """The version of vLLM and, once it has been started, its settings."""
        started = self.language_model.facts if self.language_model else {}
        return {"name": "vllm", "version": vllm_version(), **started}

    def close(self) -> None:
        """End vLLM."""
        if self.language_model is not None:
            self.language_model.close()
            self.language_model = None

    def prepare(self, requests: Sequence[Request]) -> None:
        """Start vLLM, for requests like these, unless it has been started. Raises UserError if it does not start."""
        if self.language_model is None:
            runner = self.runner
            longest = max((longest_possible(runner, request) for request in requests), default=1)
            self.language_model = start_vllm(runner.model.llama, runner.eos_ids, longest, self.settings)

    def generate(self, requests: Sequence[Request], stats: InferenceStats) -> Generator[Outcome]:
        """Yield each request's outcome as its answer ends.

        Raises UserError if vLLM does not start or fails. A second call may have no longer requests than the first.
        """
        self.prepare(requests)
        language_model = self.language_model
        assert language_model is not None
        queue = RequestQueue(self.runner, language_model, stats)
        scheduler = Scheduler(self.runner, requests, BatchBudget(EMBEDDED_TOKENS, None), sharing=False)
        most_running = language_model.facts["max_num_seqs"]
        try:
            with closing(prepared_batches(self.runner, scheduler, stats)) as steps:
                for step in steps:
                    if isinstance(step, PreparedBatch):
                        yield from queue.add(step.batch, step.images)
                        yield from queue.run_down_to(most_running)
                    else:
                        yield step
                yield from queue.run_down_to(0)
        finally:
            language_model.abort(queue.running)


def longest_possible(runner: ModelRunner[Any], request: Request) -> int:
    """At least as many tokens as prompt and answer have together; vLLM wants to know before it starts.

    It is found without a tokenizer: a token has a byte or more.
    """
    images = len(request.images)
    length = len(request.prompt(runner.render_prompt).encode()) + TOKENS_BESIDE_BYTES
    length += images * (int(runner.model.num_image_tokens) + TOKENS_BESIDE_BYTES)
    if images and runner.max_length is not None:
        length = min(length, runner.max_length)
    return length + request.max_new_tokens
