"""The probabilities of an answer's first token, against a plain forward pass; and who cannot give them."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.choices import NOT_FINITE, choice_log_probs, choice_tokens
from emma_eval.inference.simple import SimpleEngine
from emma_eval.models import load_model
from emma_eval.models.multimodal.plain import forward_prompt
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Failure, InferenceStats, Request
from tests.fakes import LoadedImage, make_image, request
from tests.tiny_checkpoint import LLAVA, TinyCheckpoint

SPELLINGS = {"yes": ("yes", "Yes", "YES"), "no": ("no", "No", "NO"), "A": ("A",), "Z": ("Zebra",)}


@pytest.fixture(scope="module", params=["emma", "llava"])
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelRunner[Any]:
    checkpoint = TinyCheckpoint() if request.param == "emma" else LLAVA
    folder = checkpoint.write(tmp_path_factory.mktemp(request.param))
    loaded: ModelRunner[Any] = load_model(str(folder), device="cpu", dtype="float32")
    return loaded


def questions() -> list[Request]:
    """Four questions on each of two images."""
    texts = ["Is it red?", "Is there a kite?\nAnswer yes or no.", "What is it?", "Why?"]
    images = [LoadedImage(make_image(seed=index)) for index in range(2)]
    return [replace(request(f"<image>\n{text}"), images=(image,)) for image in images for text in texts]


def plain_probabilities(runner: ModelRunner[Any], asked: Request) -> torch.Tensor:
    """Softmax of the logits behind the prompt, computed alone, without trie and cache: (V,)."""
    prompt = runner.tokenize(asked)
    pixels = {image: runner.preprocess_image(image) for image in prompt.images}
    spans = [item for item in prompt.items if not isinstance(item, int)]
    images = runner.image_embeddings(spans, pixels)
    with torch.inference_mode():
        logits, _ = forward_prompt(runner.model.llama, torch.tensor(prompt.input_ids), [images[span] for span in spans])
    return logits[0, -1].softmax(-1)


def test_they_are_sums_of_the_softmax_over_all_tokens(runner: ModelRunner[Any]) -> None:
    engine = BatchedEngine(runner)
    groups = [list(tokens) for tokens in choice_tokens(engine, SPELLINGS).values()]
    found = dict(choice_log_probs(engine, questions(), groups, InferenceStats()))
    assert sorted(found) == list(range(8))
    for index, asked in enumerate(questions()):
        probabilities = plain_probabilities(runner, asked)
        expected = [probabilities[ids].sum().item() for ids in groups]
        assert [math.exp(one) for one in found[index]] == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_the_batch_changes_nothing(runner: ModelRunner[Any]) -> None:
    groups = [[5, 6], [7], []]
    alone = dict(choice_log_probs(BatchedEngine(runner, 1), questions(), groups, InferenceStats()))
    together = dict(choice_log_probs(BatchedEngine(runner), questions(), groups, InferenceStats()))
    for index, log_probs in alone.items():
        assert together[index] == pytest.approx(log_probs, abs=1e-5)
        assert log_probs[2] == -math.inf  # of no token


def test_the_first_token_is_the_one_that_decoding_takes(runner: ModelRunner[Any]) -> None:
    every = [[index] for index in range(runner.model.llama.config.vocab_size)]
    asked = questions()[0]
    (found,) = dict(choice_log_probs(BatchedEngine(runner), [asked], every, InferenceStats())).values()
    (answer,) = runner.ask([asked])
    assert max(range(len(every)), key=lambda index: found[index]) == answer.token_ids[0]
    assert sum(math.exp(one) for one in found) == pytest.approx(1, abs=1e-5)


def test_a_choice_is_every_token_that_spells_it_whole(runner: ModelRunner[Any]) -> None:
    tokens = choice_tokens(BatchedEngine(runner), SPELLINGS)
    pieces = runner.tokenizer.sentencepiece
    for choice, spelled in SPELLINGS.items():
        expected = {
            index
            for index in range(pieces.get_piece_size())
            if pieces.id_to_piece(index).removeprefix("▁") in spelled
            or (pieces.is_byte(index) and chr(int(pieces.id_to_piece(index)[3:5], 16)) in spelled)
        }
        assert set(tokens[choice]) == expected
        assert set(tokens[choice].values()) <= set(spelled)


def test_an_unreadable_image_fails_its_own_questions_alone(runner: ModelRunner[Any], tmp_path: Path) -> None:
    broken = replace(request("<image>\nIs it red?"), images=(ImageFile(tmp_path, "gone.png"),))
    found = dict(choice_log_probs(BatchedEngine(runner), [broken, *questions()[:2]], [[5]], InferenceStats()))
    assert isinstance(found[0], Failure)
    assert "gone.png: no such image file" in found[0].reason
    assert all(isinstance(found[index], tuple) for index in (1, 2))


def test_logits_that_are_not_finite_fail(runner: ModelRunner[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner.model.llama.lm_head.weight, "data", runner.model.llama.lm_head.weight * math.inf)
    found = dict(choice_log_probs(BatchedEngine(runner), questions(), [[5]], InferenceStats()))
    assert len(found) == 8
    assert all(isinstance(one, Failure) and one.reason == NOT_FINITE for one in found.values())


def test_a_model_of_one_method_has_none() -> None:
    class Text:
        def generate(self, messages: Any) -> list[str]:
            return ["yes" for _ in messages]

    with pytest.raises(UserError, match="gives no probabilities of an answer's first token"):
        choice_tokens(SimpleEngine(Text()), SPELLINGS)
