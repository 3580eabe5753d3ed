"""A model that is an object of the caller's program: its name, what it is recognised by, and the object itself.

An object's code cannot be hashed as a checkpoint's files can. So it must say by `fingerprint` what it is, or a run of
it cannot go on in a later session; a runner that this program loaded is recognised by its weights in memory.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from emma_eval.errors import UserError
from emma_eval.models import ModelHandle
from emma_eval.models.base import Message, ModelSpec

UNKNOWN = "unknown:"  # begins the recorded fingerprint of an object that gives none
EXPECTED = "an object with a method generate(messages), or a function from a Message to a text, is expected"


@dataclass(frozen=True, slots=True)
class FunctionModel:
    """A TextModel of a function that answers one message."""

    answer: Callable[[Message], str]

    def generate(self, messages: Sequence[Message]) -> list[str]:
        """The function's answer to each message. Raises UserError for an answer that is no text."""
        return [self._text(message) for message in messages]

    def _text(self, message: Message) -> str:
        text: Any = self.answer(message)
        if not isinstance(text, str):
            raise UserError(f"the function that is the model must give a text for a message, not {text!r:.60}")
        return text


class ObjectHandle(ModelHandle):
    """The handle of an object: a TextModel, a Model, an Engine, or a function from a Message to a text.

    Its fingerprint is `fingerprint` if given, else the object's own attribute (a text, or a method that gives one),
    else the hash of a runner's weights; without any of them no session but this one may continue the run.
    """

    is_remote = False
    deciding_options: Mapping[str, str] = {}

    def __init__(self, model: Any, fingerprint: str | None = None, seed: int = 0) -> None:
        """Raises UserError for an object that cannot answer messages."""
        self._model = _answering(model)
        super().__init__(ModelSpec(_name(model), seed=seed))
        given = _given_fingerprint(model) if fingerprint is None else fingerprint
        if given is not None:
            _require_text(given)
            self._fingerprint = hashlib.sha256(f"{self.spec.source}\x1f{given}".encode()).hexdigest()
        elif _is_runner(model):
            from emma_eval.models.multimodal.fingerprint import runner_fingerprint

            self._fingerprint = runner_fingerprint(model)
        else:
            self._fingerprint = f"{UNKNOWN}{uuid.uuid4().hex}"

    @property
    def is_recognised(self) -> bool:
        """Whether a later session can tell that it has the same model."""
        return not self._fingerprint.startswith(UNKNOWN)

    def check(self) -> None:
        """Nothing to look for."""

    def fingerprint(self) -> str:
        """Hex SHA-256; of an object that nothing is known of, a text that no other object has."""
        return self._fingerprint

    def config_digest(self) -> str:
        """The fingerprint stands for its configuration too."""
        return self._fingerprint

    def load(self) -> Any:
        """The object; of a runner one of the same module without cached features, for its weights may have changed."""
        if _is_runner(self._model):
            from dataclasses import replace

            return replace(self._model)
        return self._model


@contextmanager
def evaluation_mode(model: Any) -> Iterator[None]:
    """A context in which the modules of a runner are in evaluation mode; afterwards they are as they were."""
    modules = [module for module in model.model.modules() if module.training] if _is_runner(model) else []
    for module in modules:
        module.training = False
    try:
        yield
    finally:
        for module in modules:
            module.training = True


def _answering(model: Any) -> Any:
    """What can be asked of the object. Raises UserError if nothing can."""
    torch = sys.modules.get("torch")
    if isinstance(model, type):
        raise UserError(f"{model.__name__} is a class, not a model: give an object of it, {model.__name__}(...)")
    if any(base.__name__ == "PreTrainedModel" for base in type(model).__mro__):  # the name, not to import the package
        raise UserError(
            f"the {type(model).__name__} of transformers takes tensors, not messages: save it with its processor and "
            "name the folder as 'hf:PATH', or wrap it in an object with a method generate(messages)"
        )
    if any(hasattr(model, name) for name in ("describe", "collate", "generate")):
        return model
    if torch is not None and isinstance(model, torch.nn.Module):
        raise UserError(
            f"the module {type(model).__name__} takes tensors, not messages: give the runner that "
            "emma_eval.load_model returned, whose `model` it is, or an object with a method generate(messages)"
        )
    if callable(model):
        return FunctionModel(model)
    raise UserError(f"{model!r:.80} is no model: a name or folder, {EXPECTED}")


def _is_runner(model: Any) -> bool:
    """Whether it is what this program loads from a checkpoint; its module need not be imported to know that."""
    module = sys.modules.get("emma_eval.models.multimodal.runner")
    return module is not None and isinstance(model, module.ModelRunner)


def _name(model: Any) -> str:
    """The object's attribute `name`, else that of the function or class; of a runner its family's."""
    if _is_runner(model):
        return str(model.family)
    for name in (getattr(model, "name", None), getattr(model, "__name__", None), type(model).__name__):
        if isinstance(name, str) and (shown := " ".join(name.replace("<lambda>", "function").split())):
            return shown
    return "model"


def _given_fingerprint(model: Any) -> Any:
    given = getattr(model, "fingerprint", None)
    return given() if callable(given) else given


def _require_text(fingerprint: Any) -> None:
    if not isinstance(fingerprint, str) or not fingerprint:
        raise UserError(f"fingerprint {fingerprint!r:.80}: a text is expected, another whenever the model is another")
