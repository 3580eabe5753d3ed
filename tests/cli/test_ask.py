"""`ask` from the command line: the answer, its JSON, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from emma_eval.cli.main import main
from emma_eval.models.llama.tokenizer import IMAGE_ID
from tests.fakes import make_image
from tests.tiny_checkpoint import EMMA, LLAVA, TinyCheckpoint

QUESTION = "Hint: look left.\nWhich is larger?\nA. cat\nB. dog"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    make_image().save(path)
    return path


def ask(capsys: pytest.CaptureFixture[str], tiny: TinyCheckpoint, root: Path, *arguments: str) -> str:
    assert main(["ask", "--model", str(tiny.write(root)), "--max-new-tokens", "5", *arguments]) == 0
    return capsys.readouterr().out


def test_json_holds_prompt_ids_and_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path, image: Path) -> None:
    options = ["--image", str(image), "--suffix", "Answer with the letter.", "--json", "--dtype", "float32"]
    facts = json.loads(ask(capsys, EMMA, tmp_path / "m", *options, QUESTION))
    assert list(facts) == ["input_ids", "instruction_ids", "generated_ids", "prompt", "instruction", "text"]
    assert facts["prompt"].endswith(f"USER: <image>\n{QUESTION}\nAnswer with the letter. ASSISTANT:")
    assert facts["instruction"] == "Hint: look left."
    assert facts["input_ids"][0] == 1
    assert facts["input_ids"].count(IMAGE_ID) == 1
    assert len(facts["instruction_ids"]) == 77
    assert facts["instruction_ids"][0] == 49406
    assert 1 <= len(facts["generated_ids"]) <= 5


def test_without_json_only_the_answer_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, image: Path
) -> None:
    plain = ask(capsys, EMMA, tmp_path / "a", "--image", str(image), "--instruction", "full", QUESTION)
    facts = json.loads(
        ask(capsys, EMMA, tmp_path / "b", "--image", str(image), "--instruction", "full", "--json", QUESTION)
    )
    assert facts["instruction"] == QUESTION
    assert plain == facts["text"] + "\n"


def test_plain_llava_answers_without_an_image(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    facts = json.loads(ask(capsys, LLAVA, tmp_path, "--json", "Why?"))
    assert facts["instruction_ids"] is None
    assert facts["prompt"].endswith("USER: Why? ASSISTANT:")
    prompt = torch.tensor([facts["input_ids"]])
    (reference,) = LLAVA.llama.generate(prompt, max_new_tokens=5, do_sample=False).tolist()
    assert facts["generated_ids"] == reference[prompt.shape[1] :]


@pytest.mark.parametrize("content", [None, b"no image"])
def test_an_unreadable_image_is_named(
    content: bytes | None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    assert main(["ask", "--model", str(EMMA.write(tmp_path / "m")), "--image", str(path), "What?"]) == 2
    *_, line = capsys.readouterr().err.splitlines()  # behind what was built
    assert "bad.png" in line


def test_an_unknown_model_is_named_beside_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--model", "emma-nano", "What?"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "emma-nano" in line
    assert "emma-mini" in line
