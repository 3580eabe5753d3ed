"""The `generation_kwargs` of lmms-eval's tasks as this program's settings: greedy decoding, a length, stop texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emma_eval.errors import UserError

DEFAULT_MAX_NEW_TOKENS = 1024  # as lmms-eval's own LLaVA
_WITHOUT_EFFECT = {  # on greedy decoding, or on models that pad images as their configuration says
    "top_p", "top_k", "seed", "use_cache", "skip_special_tokens", "image_aspect_ratio",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decoding:
    """How one request of lmms-eval is to be answered."""

    max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS
    until: tuple[str, ...] = ()  # the answer ends before the first of these

    def cut(self, text: str) -> str:
        """The text up to the first stop text, as lmms-eval's models cut it."""
        for stop in self.until:
            text = text.split(stop, 1)[0]
        return text


def read_decoding(options: Mapping[str, Any] | None, task: str) -> Decoding:
    """The settings of a task. Raises UserError for sampling, beams, or an option that is not known here."""
    rest = {key: value for key, value in (options or {}).items() if key not in _WITHOUT_EFFECT}
    until = rest.pop("until", None) or ()
    stops = (until,) if isinstance(until, str) else tuple(until)
    length = rest.pop("max_new_tokens", DEFAULT_MAX_NEW_TOKENS)
    temperature, samples = rest.pop("temperature", None), rest.pop("do_sample", False)
    for key, neutral in (("num_beams", 1), ("repetition_penalty", 1)):
        if rest.get(key, neutral) in (None, neutral):
            rest.pop(key, None)
    if temperature or (samples and temperature is None):
        how = f"temperature {temperature}" if temperature else "do_sample: true"
        raise UserError(f"{task}: generation_kwargs ask for sampling ({how}); models answer greedily: temperature 0")
    if rest:
        key, value = next(iter(rest.items()))
        raise UserError(f"{task}: generation_kwargs have {key}: {value}, which models here do not offer")
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise UserError(f"{task}: generation_kwargs: max_new_tokens must be a whole number above 0, not {length!r}")
    if not all(isinstance(stop, str) for stop in stops):
        raise UserError(f"{task}: generation_kwargs: until must be texts, not {until!r}")
    return Decoding(length, tuple(filter(None, stops)))
