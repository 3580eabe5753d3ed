"""A run with the real model code: batches fall otherwise after an interrupt, and nothing of it shows in the scores."""

from pathlib import Path

import pytest

from emma_eval.inference.batched import BatchedEngine
from emma_eval.models import find_model
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from tests import tiny_transformers
from tests.fakes import REQUESTS, FakeHandle, pope_settings
from tests.tiny_checkpoint import TinyCheckpoint
from tests.tiny_mplug_owl2 import TinyMPlugOwl2


@pytest.fixture(
    scope="module",
    params=[TinyCheckpoint(), TinyMPlugOwl2(layout="saved"), "qwen2_5_vl"],
    ids=["emma", "mplug_owl2", "transformers"],
)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny: TinyCheckpoint | TinyMPlugOwl2 | str = request.param
    folder = tmp_path_factory.mktemp("model")
    return tiny_transformers.write(tiny, folder / "hf") if isinstance(tiny, str) else tiny.write(folder)


def named(checkpoint: Path) -> str:
    """As `--model` takes it."""
    return f"hf:{checkpoint}" if checkpoint.name == "hf" else str(checkpoint)


def test_interrupted_or_not_answers_and_scores_agree_to_the_byte(data, tmp_path, checkpoint):
    def session(folder, batch_size, stop_after=REQUESTS + 1):
        chosen = pope_settings(data, named(checkpoint), batch_size=batch_size, limit=8)

        class Stopping(BatchedEngine):
            def generate(self, requests, stats):
                for count, outcome in enumerate(BatchedEngine.generate(self, requests, stats)):
                    if count == stop_after:
                        raise KeyboardInterrupt
                    yield outcome

        engine = Stopping(find_model(chosen.model).load(), batch_size)
        return run_evaluation(chosen, folder, PlainProgress(), FakeHandle(engine))

    session(tmp_path / "whole", batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        session(tmp_path / "broken", batch_size=3, stop_after=5)
    session(tmp_path / "broken", batch_size=2)
    whole, broken = ((tmp_path / name) for name in ("whole", "broken"))
    assert (whole / "scores.json").read_bytes() == (broken / "scores.json").read_bytes()
    assert (whole / "samples" / "pope.jsonl").read_bytes() == (broken / "samples" / "pope.jsonl").read_bytes()
    assert texts(whole) == texts(broken)


def texts(folder):
    from emma_eval.results.responses import read_responses

    return {r.sample_id: (r.text, r.tokens) for r in read_responses(folder / "responses" / "pope.jsonl")}


def test_changed_weights_are_refused(data, tmp_path, checkpoint):
    import shutil

    from emma_eval.errors import UserError

    shutil.copytree(checkpoint.parent, tmp_path / "model")
    copy = tmp_path / "model" / checkpoint.name
    chosen = pope_settings(data, named(copy), limit=1)
    run_evaluation(chosen, tmp_path / "run", PlainProgress())
    other = next(copy.glob("*.safetensors"))
    content = bytearray(other.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)
    with pytest.raises(UserError, match=r"the model .* has changed \(weights or tokenizer"):
        run_evaluation(chosen, tmp_path / "run", PlainProgress())
