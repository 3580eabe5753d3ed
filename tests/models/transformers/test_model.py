"""Every architecture answers through the harness as transformers answers each prompt alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from emma_eval.errors import UserError
from emma_eval.models import load_model
from emma_eval.models.transformers.model import NOT_FINITE
from emma_eval.types import Failure, Generation, Request
from tests import tiny_transformers
from tests.models.transformers.asking import REQUESTS, WIDE, Picture, answer_of_transformers, answers


@pytest.fixture(scope="session", params=tiny_transformers.ARCHITECTURES)
def model(request: Any, tmp_path_factory: Any) -> Any:
    folder = tiny_transformers.write(request.param, tmp_path_factory.mktemp("transformers") / request.param)
    return load_model(f"hf:{folder}", device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def llava(tmp_path_factory: Any) -> Any:
    folder = tiny_transformers.write("llava", tmp_path_factory.mktemp("transformers") / "alone")
    return load_model(f"hf:{folder}", device="cpu")


@contextmanager
def ending_at(model: Any, end: int) -> Iterator[None]:
    """With a second end id."""
    settings = model.model.generation_config
    before = model._eos_ids, settings.eos_token_id
    model._eos_ids, settings.eos_token_id = {2, end}, [2, end]
    try:
        yield
    finally:
        model._eos_ids, settings.eos_token_id = before


def test_batches_of_any_size_answer_as_transformers_does_alone(model: Any) -> None:
    together, stats = answers(model, 8)
    alone, _ = answers(model, 1)
    assert all(isinstance(answer, Generation) for answer in together)
    assert together == alone
    assert [list(answer.token_ids) for answer in together] == [answer_of_transformers(model, r) for r in REQUESTS]
    assert len({answer.token_ids for answer in together}) > 5  # the weights are not such that all is the same
    assert (stats.batches, stats.images) == (1, 3)


def test_a_prompt_is_as_long_as_the_processor_makes_it(model: Any) -> None:
    """Lengths of a combination of images' sizes are computed once and serve other texts."""
    for request in REQUESTS:
        prompt = model.tokenize(replace(request, message=request.message + " Really?"))
        images = [[model.preprocess_image(image) for image in request.images]]
        assert prompt.num_tokens == model._process([prompt.text], images)["input_ids"].shape[1]
        assert len(model.collate([prompt, prompt])) == 2


def test_an_answer_ends_at_an_end_id_of_the_generation_config(llava: Any) -> None:
    (whole,), _ = answers(llava, 8, REQUESTS[:1])
    assert whole.finish_reason == "length"
    end = whole.token_ids[2]
    with ending_at(llava, end):
        ended, _ = answers(llava, 8)
        assert ended[0].finish_reason == "stop"
        assert ended[0].token_ids == whole.token_ids[: whole.token_ids.index(end) + 1]
        assert ended == answers(llava, 1)[0]


def test_an_answer_has_as_many_new_tokens_as_are_asked_for(llava: Any) -> None:
    """Each of a batch for itself, as `min_new_tokens` of transformers bars end ids in a prompt alone."""
    (whole,), _ = answers(llava, 8, REQUESTS[:1])
    leasts = [0, 1, 2, 6, 6, 0, 3, 1]
    batch = [replace(request, min_new_tokens=least) for request, least in zip(REQUESTS, leasts, strict=True)]
    with ending_at(llava, whole.token_ids[0]):
        asked, _ = answers(llava, 8, batch)
        assert [list(answer.token_ids) for answer in asked] == [answer_of_transformers(llava, one) for one in batch]
        assert len(answers(llava, 8, REQUESTS[:1])[0][0].token_ids) == 1
        assert len(answers(llava, 8, [replace(REQUESTS[0], min_new_tokens=1)])[0][0].token_ids) > 1


def test_a_raw_prompt_is_sent_as_it_is(llava: Any) -> None:
    assert llava.takes_raw_prompts
    request = REQUESTS[2]
    rendered = llava.render_prompt(request.message)
    whole, part = (replace(request, message=text, is_raw=True) for text in (rendered, "<image><image>"))
    outcomes, _ = answers(llava, 8, [request, whole, part])
    assert outcomes[0] == outcomes[1]
    assert outcomes[1].prompt == rendered
    assert outcomes[2].prompt == "<image><image>"
    outcomes, _ = answers(llava, 8, [replace(part, images=(WIDE,)), *REQUESTS])
    assert outcomes[0].reason == "the prompt has 2 image markers for 1 image; one <image> is needed for each"


def test_a_raw_prompt_has_the_harnesss_or_the_models_own_image_token(tmp_path: Path) -> None:
    model = load_model(f"hf:{tiny_transformers.write('qwen2_vl', tmp_path / 'm')}", device="cpu")
    message = "<s>user: <|vision_start|>{}<|vision_end|>Eh? assistant:"
    raw = [replace(REQUESTS[7], message=message.format(token), is_raw=True) for token in ("<image>", "<|image_pad|>")]
    outcomes, _ = answers(model, 8, [REQUESTS[7], *raw])
    assert outcomes[0].token_ids == outcomes[1].token_ids == outcomes[2].token_ids


def test_a_prompt_longer_than_the_models_context_fails_alone_and_answers_end_where_it_ends(llava: Any) -> None:
    lengths = [llava.tokenize(request).num_tokens for request in REQUESTS]
    expected, _ = answers(llava, 8)
    llava.max_length = sorted(lengths)[-2]
    try:
        outcomes, _ = answers(llava, 8)
        longest = lengths.index(max(lengths))
        limit = llava.max_length
        assert outcomes[longest].reason == f"the prompt has {max(lengths)} tokens, and the model reads {limit} at most"
        for length, found, unlimited in zip(lengths, outcomes, expected, strict=True):
            if isinstance(found, Generation):
                assert found.token_ids == unlimited.token_ids[: limit - length + 1]
        assert any(len(found.token_ids) == 1 for found in outcomes if isinstance(found, Generation))
    finally:
        llava.max_length = 4096


def test_what_cannot_be_asked_fails_alone(llava: Any) -> None:
    broken = [
        Request("a", 0, "<image>\nWhat?", "", (Picture(9, 0),)),
        Request("b", 0, "What?", "", (WIDE,)),
        Request("c", 0, "<image>\nWhat?", "", (Picture(33, 30),)),
    ]
    outcomes, _ = answers(llava, 8, [*broken, *REQUESTS])
    assert [type(outcome) for outcome in outcomes] == [Failure, Failure, Generation] + [Generation] * 8
    assert outcomes[0].reason == "9x0: broken"
    assert outcomes[1].reason == "the prompt has 0 image markers for 1 image; one <image> is needed for each"
    assert outcomes[0].prompt == "<s>user: <image>What? assistant:"
    assert outcomes[3:] == answers(llava, 1)[0]


def test_a_prompt_that_the_processor_refuses_in_a_batch_fails_alone(llava: Any, monkeypatch: Any) -> None:
    process = type(llava)._process

    def refusing(self: Any, texts: list[str], images: Any) -> Any:
        if any("Short" in text for text in texts):
            raise ValueError("no such thing")
        return process(self, texts, images)

    expected, _ = answers(llava, 1)
    monkeypatch.setattr(type(llava), "_process", refusing)
    outcomes, _ = answers(llava, 8)
    assert outcomes[4] == Failure("the prompt is refused: ValueError: no such thing", expected[4].prompt, 0.0, False)
    assert outcomes[:4] + outcomes[5:] == expected[:4] + expected[5:]


def test_a_batch_that_does_not_fit_into_memory_is_halved(llava: Any, monkeypatch: Any) -> None:
    greedy = type(llava)._greedy
    sizes: list[int] = []

    def small(self: Any, prompts: Any, images: Any) -> Any:
        sizes.append(len(prompts))
        if len(prompts) > 2:
            raise torch.cuda.OutOfMemoryError("too much")
        return greedy(self, prompts, images)

    expected, _ = answers(llava, 1)
    monkeypatch.setattr(type(llava), "_greedy", small)
    outcomes, stats = answers(llava, 8)
    assert outcomes == expected
    assert stats.oom_retries
    assert max(sizes) > 2


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_logits_that_are_not_finite_fail_the_row(value: str, llava: Any, monkeypatch: Any) -> None:
    generate = llava.model.generate

    def with_nan(logits_processor: Any, **inputs: Any) -> Any:
        output = generate(logits_processor=logits_processor, **inputs)
        rows = len(output)
        logits_processor[0](None, torch.tensor([[float(value)]] + [[0.0]] * (rows - 1)))
        return output

    monkeypatch.setattr(llava.model, "generate", with_nan)
    outcomes, _ = answers(llava, 8, REQUESTS[:2])
    assert sorted(isinstance(outcome, Failure) for outcome in outcomes) == [False, True]
    assert next(outcome.reason for outcome in outcomes if isinstance(outcome, Failure)) == NOT_FINITE


def test_a_model_that_fails_at_everything_ends_the_run(tmp_path: Path, monkeypatch: Any) -> None:
    model = load_model(f"hf:{tiny_transformers.write('llava', tmp_path / 'm')}", device="cpu")
    monkeypatch.setattr(model.model, "generate", lambda **_: 1 / 0)
    with pytest.raises(UserError, match=r"it fails at every prompt of the first batch: .*ZeroDivisionError"):
        answers(model, 8)
