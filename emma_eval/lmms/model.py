"""The models of this program as a model of lmms-eval: `lmms-eval --model emma --model_args pretrained=PATH`.

lmms-eval finds it by the entry points of the group `lmms_eval.models` that this package has. This module imports
lmms-eval, so nothing but lmms-eval imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest
from loguru import logger

from emma_eval.errors import UserError
from emma_eval.inference.loading import load_engine
from emma_eval.lmms.decoding import Decoding, read_decoding
from emma_eval.lmms.documents import Documents
from emma_eval.lmms.placement import place_images
from emma_eval.models import find_model
from emma_eval.models.base import ModelSpec
from emma_eval.types import Failure, Generation, InferenceStats, Request

AUTO = "auto"


class EmmaModel(lmms):  # type: ignore[misc]
    """Any model that `--model` of this program takes; all requests of all tasks are one queue."""

    is_simple = True

    def __init__(
        self,
        pretrained: str = "",
        batch_size: int | str = AUTO,
        device: str | None = None,
        dtype: str | None = None,
        max_batch_size: int | str | None = None,
        **options: Any,
    ) -> None:
        """Load the model. `options` are its `--model-option`s. Raises UserError for a mistake in any of them."""
        super().__init__()
        if not pretrained:
            raise UserError("--model_args pretrained=PATH is missing: a checkpoint folder, a hub name, emma-mini, ...")
        texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in options.items()}
        spec = ModelSpec(str(pretrained), None if device is None else str(device), dtype, texts)
        size = _batch_size(batch_size, max_batch_size)
        self._engine = load_engine(find_model(spec), size)
        description = self._engine.describe()
        self._family = description.family
        self.device = description.device or "cpu"
        self.batch_size = size
        self._documents: dict[tuple[str, str], Documents] = {}

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """An answer to each request, in their order.

        lmms-eval has no word for a request that fails (an unreadable image), and keeps no answer of a run that ends
        early: its answer is empty, and an error is logged that says which it is, and why.
        """
        made = [self._request(index, instance) for index, instance in enumerate(requests)]
        outcomes: dict[int, Generation | Failure] = dict(
            self._engine.generate([request for request, _ in made], InferenceStats())
        )
        results = []
        for index, (request, decoding) in enumerate(made):
            outcome = outcomes[index]
            if isinstance(outcome, Failure):
                logger.error(f"{request.sample_id} has no answer, an empty one is scored: {outcome.reason}")
                results.append(GenerationResult("", TokenCounts(output_tokens=0)))
                continue
            tokens = TokenCounts(output_tokens=len(outcome.token_ids)) if outcome.token_ids else None
            results.append(GenerationResult(decoding.cut(outcome.text), tokens))
        return results

    def loglikelihood(self, requests: Sequence[Instance]) -> NoReturn:
        """Raises UserError: models here answer, they give no likelihoods."""
        raise UserError(f"{_first(requests)} needs likelihoods of given texts, which this model does not give")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> NoReturn:
        """Raises UserError: models here answer one question."""
        raise UserError(f"{_first(requests)} asks in several rounds, which this model does not offer")

    def clean(self) -> None:
        """Release the model: lmms-eval asks nothing after it."""
        self._engine.close()
        super().clean()

    def _request(self, index: int, instance: Instance) -> tuple[Request, Decoding]:
        """An instance as a Request: lmms-eval's context as the message, its images not decoded yet."""
        context, options, doc_to_visual, doc_id, task, split = instance.args
        if (task, split) not in self._documents:
            self._documents[task, split] = Documents(self.task_dict[task][split], task)
        decoding = read_decoding(options, f"task {task}")
        images = self._documents[task, split].images(doc_id, doc_to_visual)
        message, instruction, placed = place_images(context, images, self._family)
        request = Request(
            sample_id=f"task {task}, document {doc_id}",
            pass_index=index,
            message=message,
            instruction=instruction,
            images=placed,
            max_new_tokens=decoding.max_new_tokens,
        )
        return request, decoding


def _batch_size(batch_size: int | str | None, max_batch_size: int | str | None) -> Any:
    """A number, or `auto`; lmms-eval gives texts. Raises UserError for anything else."""
    text = str(AUTO if batch_size is None else batch_size)
    if text == AUTO or text.startswith(f"{AUTO}:"):
        return AUTO if max_batch_size is None else int(max_batch_size)
    if not text.isdecimal() or int(text) == 0:
        raise UserError(f"--batch_size {text}: a whole number above 0 or auto is expected")
    return int(text)


def _first(requests: Sequence[Instance]) -> str:
    return f"task {requests[0].task_name}" if requests else "the task"


def manifests() -> list[ModelManifest]:
    """What lmms-eval registers: one class under two names, since the checkpoint decides its own architecture."""
    path = f"{EmmaModel.__module__}.{EmmaModel.__name__}"
    return [ModelManifest(name, simple_class_path=path) for name in ("emma", "owl2")]
