"""`ask` from the command line: the answer, its JSON, and mistakes in one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from emma_eval.cli.main import main
from emma_eval.inference.simple import SimpleEngine
from emma_eval.models.base import Message
from emma_eval.models.llama.tokenizer import IMAGE_ID
from emma_eval.utils.text import pluralize
from tests import tiny_transformers
from tests.fakes import make_image
from tests.shared import needs_shared, shared
from tests.tiny_checkpoint import EMMA, LLAVA, TOKENS, TinyCheckpoint

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
    assert facts["finish_reason"] in ("stop", "length")
    assert facts["template"] == "vicuna_v1"
    assert facts["model"].startswith("EMMA v1")
    assert (facts["images"], facts["max_new_tokens"], facts["min_new_tokens"]) == (1, 5, 0)
    assert facts["prompt_tokens"] == len(facts["input_ids"]) - 1 + TOKENS
    assert facts["new_tokens"] == len(facts["generated_ids"])
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


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The last line of what `ask` says of arguments that it refuses."""
    assert main(["ask", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()[-1]


def test_a_complete_prompt_is_sent_as_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path, image: Path) -> None:
    options = ["--image", str(image), "--json", "--dtype", "float32"]
    asked = json.loads(ask(capsys, LLAVA, tmp_path / "a", *options, QUESTION))
    sent = json.loads(ask(capsys, LLAVA, tmp_path / "b", *options, "--raw-prompt", asked["prompt"]))
    assert {**sent, "instruction": asked["instruction"]} == asked
    bare = json.loads(ask(capsys, LLAVA, tmp_path / "c", *options, "--raw-prompt", "Why <image>"))
    assert bare["prompt"] == "Why <image>"
    assert bare["input_ids"][0] == 1
    assert bare["input_ids"][-1] == IMAGE_ID


def test_several_images_stand_before_the_question(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, image: Path
) -> None:
    two = ["--image", str(image), "--image", str(image)]
    facts = json.loads(ask(capsys, LLAVA, tmp_path / "m", *two, "--json", "Which is larger?"))
    assert facts["prompt"].endswith("USER: <image>\n<image>\nWhich is larger? ASSISTANT:")
    assert facts["input_ids"].count(IMAGE_ID) == facts["images"] == 2


def test_an_answer_does_not_end_before_it_has_the_least_new_tokens(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    first = json.loads(ask(capsys, LLAVA, tmp_path / "m", "--json", "Why?"))["generated_ids"][0]
    folder = tmp_path / "m" / "tiny-emma"
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": first}))
    command = ["ask", "--model", str(folder), "--json", "--max-new-tokens", "5"]
    lengths = {}
    for least in ("0", "3"):
        assert main([*command, "--min-new-tokens", least, "Why?"]) == 0
        lengths[least] = json.loads(capsys.readouterr().out)["new_tokens"]
    assert lengths["0"] == 1
    assert lengths["3"] > 3


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "either QUESTION or --raw-prompt TEXT is expected"),
        (("Why?", "--raw-prompt", "USER: Why?"), "either QUESTION or --raw-prompt TEXT is expected"),
        (("--raw-prompt", ""), "--raw-prompt is empty"),
        (("--raw-prompt", "Why?", "--suffix", "Briefly."), "--suffix: a complete prompt"),
        (("Why?", "--min-new-tokens", "9", "--max-new-tokens", "8"), "--min-new-tokens 9 is above --max-new-tokens 8"),
        (("Why?", "--min-new-tokens", "-1"), "'-1' is not a whole number of 0 or more"),
        (("Why?", "--image", "none.png"), "--image none.png: no such file"),
        (("--raw-prompt", "Why?"), "the model emma-mini takes no complete prompt; give it a QUESTION"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    arguments: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert line in refused(capsys, "--model", "emma-mini", *arguments)


@pytest.mark.parametrize(("prompt", "shown"), [("Why?", 1), ("<image> or <image>?", 1), ("Is it <image>?", 0)])
def test_markers_without_their_image_are_one_line(
    prompt: str, shown: int, capsys: pytest.CaptureFixture[str], image: Path
) -> None:
    images = ["--image", str(image)] * shown
    line = refused(capsys, "--model", "llava-mini", "--raw-prompt", prompt, *images)
    markers = pluralize(prompt.count("<image>"), "image marker")
    assert line == f"error: the prompt has {markers} for {pluralize(shown, 'image')}; one <image> is needed for each"


class OneMethod:
    """A model that frames messages itself."""

    def generate(self, messages: Sequence[Message]) -> list[str]:
        return [f"{len(message.images)} images" for message in messages]


def test_a_model_of_one_method_takes_no_complete_prompt_but_several_images(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, image: Path
) -> None:
    monkeypatch.setattr("emma_eval.inference.loading.load_engine", lambda _: SimpleEngine(OneMethod()))
    assert "takes no complete prompt" in refused(capsys, "--model", "emma-mini", "--raw-prompt", "Why?")
    assert main(["ask", "--model", "emma-mini", "--image", str(image), "--image", str(image), "Why?"]) == 0
    assert capsys.readouterr().out == "2 images\n"


OWL_CASES = [
    pytest.param(index, case, id=f"{index.parent.name}/{case['id']}")
    for index in sorted(shared("parity_mplug_owl2").glob("**/index*.json"))
    for case in json.loads(index.read_text(encoding="utf-8"))["cases"]
    if case["image_aspect_ratio"] == "resize"  # squashed, as in the authors' evaluation
]


@needs_shared("parity_mplug_owl2")
@pytest.mark.parametrize(("index", "case"), OWL_CASES)
def test_mplug_owl2_answers_a_complete_prompt_as_in_its_authors_evaluation(
    index: Path, case: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """By itself without the end id at the first step; with it where the reference's case allowed it."""
    folder = index.parent / json.loads(index.read_text(encoding="utf-8"))["checkpoint"]
    command = ["ask", "--model", str(folder), "--raw-prompt", case["prompt"], "--max-new-tokens", "12", "--json"]
    command += [word for image in case["images"] for word in ("--image", str(index.parent / image))]
    command += [] if case["min_new_tokens"] else ["--min-new-tokens", "0"]
    assert main([*command, "--device", "cpu", "--dtype", "float32"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["generated_ids"] == case["generated_ids"]
    assert facts["text"] == case["text"]
    assert facts["prompt"] == case["prompt"]
    assert facts["min_new_tokens"] == case["min_new_tokens"]
    assert facts["input_ids"].count(IMAGE_ID) == len(case["images"])


@needs_shared("parity_mplug_owl2")
def test_mplug_owl2_has_its_image_directly_before_a_question(capsys: pytest.CaptureFixture[str], image: Path) -> None:
    folder = str(shared("parity_mplug_owl2") / "a" / "owl2-tiny-a")
    assert main(["ask", "--model", folder, "--image", str(image), "--json", "What?"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["prompt"] == "USER: <|image|>What? ASSISTANT: "
    assert facts["min_new_tokens"] == 0
    assert refused(capsys, "--model", folder, "--image", str(image), "--raw-prompt", "USER: <image>What?") == (
        "error: the prompt has 0 image markers for 1 image; one <|image|> is needed for each"
    )


def test_a_model_of_transformers_takes_a_complete_prompt(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, image: Path
) -> None:
    model = f"hf:{tiny_transformers.write('llava', tmp_path / 'm')}"
    command = ["ask", "--model", model, "--image", str(image), "--json"]
    command += ["--max-new-tokens", "5", "--device", "cpu"]
    assert main([*command, "What?"]) == 0
    asked = json.loads(capsys.readouterr().out)
    assert main([*command, "--raw-prompt", asked["prompt"]]) == 0
    sent = json.loads(capsys.readouterr().out)
    assert (sent["prompt"], sent["generated_ids"]) == (asked["prompt"], asked["generated_ids"])
