"""Models that are objects of the caller's program: what is taken, by what name, and how it is recognised."""

import dataclasses

import pytest

from emma_eval.errors import UserError
from emma_eval.models import load_model
from emma_eval.models.objects import ObjectHandle, evaluation_mode


class Yes:
    def generate(self, messages):
        return ["yes"] * len(messages)


@pytest.fixture(scope="module")
def runner():
    return load_model("llava-mini", device="cpu")


def identity(model, fingerprint=None):
    return ObjectHandle(model, fingerprint).fingerprint()


class TestAFingerprint:
    def test_is_of_the_name_and_the_given_text(self):
        same = Yes()
        assert identity(Yes(), "a") == identity(Yes(), "a") == identity(same, "a")
        assert identity(Yes(), "b") != identity(Yes(), "a")
        renamed = Yes()
        renamed.name = "no"
        assert identity(renamed, "a") != identity(Yes(), "a")

    @pytest.mark.parametrize("given", ["a", lambda: "a"])
    def test_may_be_an_attribute_or_what_a_method_returns(self, given):
        model = Yes()
        model.fingerprint = given
        assert identity(model) == identity(Yes(), "a")
        assert ObjectHandle(model).is_recognised

    def test_that_nobody_gives_is_never_the_same(self):
        model = Yes()
        assert identity(model) != identity(model)
        assert not ObjectHandle(model).is_recognised

    @pytest.mark.parametrize("given", ["", 5, lambda: b"1"])
    def test_must_be_a_text(self, given):
        model = Yes()
        model.fingerprint = given
        with pytest.raises(UserError, match="a text is expected"):
            ObjectHandle(model)


class TestARunnersFingerprint:
    def test_is_that_of_its_weights_in_memory(self, runner):
        first = identity(runner)
        assert identity(dataclasses.replace(runner)) == identity(load_model("llava-mini", device="cpu")) == first
        bias = runner.model.projector[0].bias
        before = bias.detach().clone()
        bias.data[0] += 2**-20
        assert identity(runner) != first
        bias.data.copy_(before)
        assert identity(runner) == first

    def test_is_another_for_another_input(self, runner):
        first = identity(runner)
        for change in ({"max_length": 77}, {"template": "plain"}, {"eos_ids": frozenset({1})}):
            assert identity(dataclasses.replace(runner, **change)) != first

    def test_does_not_hang_on_the_folder(self, runner):
        moved = dataclasses.replace(runner.model.config, path=runner.model.config.path / "elsewhere")
        first = identity(runner)
        before, runner.model.config = runner.model.config, moved
        try:
            assert identity(runner) == first
        finally:
            runner.model.config = before


class TestARunner:
    def test_is_asked_without_what_it_has_cached(self, runner):
        loaded = ObjectHandle(runner).load()
        assert loaded is not runner
        assert loaded.model is runner.model
        assert loaded.vision_cache is not runner.vision_cache

    def test_is_in_evaluation_mode_meanwhile(self, runner):
        runner.model.projector.train()
        modes = {name: module.training for name, module in runner.model.named_modules()}
        assert set(modes.values()) == {True, False}
        with evaluation_mode(runner):
            assert not any(module.training for module in runner.model.modules())
        assert {name: module.training for name, module in runner.model.named_modules()} == modes
        runner.model.eval()


class TestAName:
    def test_is_the_attribute_or_that_of_the_class_or_function(self, runner):
        def answer(message):
            return "yes"

        named = Yes()
        named.name = "  my\n model "
        models = [named, Yes(), answer, lambda message: "yes", runner]
        names = [ObjectHandle(model).spec.source for model in models]
        assert names == ["my model", "Yes", "answer", "function", "llava"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Yes, "Yes is a class, not a model: give an object of it, Yes"),
        (5, "5 is no model"),
        (None, "None is no model"),
        ({"generate": 1}, "is no model"),
    ],
)
def test_what_cannot_answer_is_refused(model, message):
    with pytest.raises(UserError, match=message):
        ObjectHandle(model)


def test_a_bare_module_is_refused_with_the_way_out(runner):
    with pytest.raises(UserError, match=r"give the runner that emma_eval\.load_model returned"):
        ObjectHandle(runner.model)


def test_a_model_of_transformers_is_refused_with_the_way_out():
    class PreTrainedModel:
        def generate(self, inputs=None, **options):
            return inputs

    with pytest.raises(UserError, match=r"takes tensors, not messages: save it .* 'hf:PATH'"):
        ObjectHandle(type("BertModel", (PreTrainedModel,), {})())
