"""A loaded model gets the engine that suits what it offers."""

from __future__ import annotations

from typing import Any

import pytest

from emma_eval.errors import UserError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.engine import EngineDescription
from emma_eval.inference.loading import load_engine
from emma_eval.inference.simple import SimpleEngine
from tests.fakes import FakeEngine, FakeHandle


class OneMethod:
    dtype = "torch.bfloat16"
    device = "cuda:1"

    def generate(self, messages: Any) -> Any:
        return []


class Batching(OneMethod):
    template = "vicuna_v1"
    summary = "a model of nothing"

    def collate(self, prompts: Any, prefix: Any = ()) -> Any:
        return []


def test_an_engine_is_taken_as_it_is() -> None:
    engine = FakeEngine()
    assert load_engine(FakeHandle(engine), 3) is engine


def test_a_model_that_packs_rows_is_batched_and_any_other_is_called_with_messages() -> None:
    assert load_engine(FakeHandle(model := Batching()), 3) == BatchedEngine(model, 3)
    assert load_engine(FakeHandle(small := OneMethod())) == SimpleEngine(small, "auto")


def test_what_cannot_generate_is_refused() -> None:
    with pytest.raises(UserError, match=r"the model fake has no method generate\(messages\)"):
        load_engine(FakeHandle(object()))


def test_a_model_is_described_by_its_attributes() -> None:
    described = load_engine(FakeHandle(Batching())).describe()
    assert (described.template, described.dtype, described.device) == ("vicuna_v1", "bfloat16", "cuda:1")
    assert described.summary == "a model of nothing"
    assert len(described.template_digest) == 64
    bare = EngineDescription.of_model(object())
    assert bare == EngineDescription(template="own")
