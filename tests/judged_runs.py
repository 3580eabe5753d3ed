"""Benchmarks that a judge scores, tiny, and finished runs on them, whose answers a test gives."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emma_eval.cli.main import main
from tests.fake_server import Reply, chat, fake_server, text_of
from tests.tiny_datasets import save_image, write_json
from tests.tiny_datasets_wider import write_lines

LLAVA_BENCH = "llava-bench-in-the-wild"
CATEGORIES = ("conv", "detail", "complex", "conv")


def mmvet(root: Path, count: int = 6) -> None:
    """Questions 'What is N?'; the odd ones need math alone, the others ocr, too."""
    rows = {
        f"v1_{number}": {
            "imagename": f"v1_{number}.png",
            "question": f"What is {number}?",
            "answer": f"{number}<OR>{number}.0",
            "capability": ["math"] if number % 2 else ["ocr", "math"],
        }
        for number in range(count)
    }
    write_json(root / "mm-vet" / "mm-vet.json", rows)
    for number in range(count):
        save_image(root / "mm-vet" / "images" / f"v1_{number}.png", number)


def llava_bench(root: Path) -> None:
    """Four questions on three images; the captions of the official file are single texts."""
    folder = root / LLAVA_BENCH
    images = ["001.jpg", "002.jpg", "003.jpg", "001.jpg"]
    rows = [
        {"question_id": number, "image": image, "text": f"What is {number}?", "category": category}
        for number, (image, category) in enumerate(zip(images, CATEGORIES, strict=True))
    ]
    write_lines(folder / "questions.jsonl", rows)
    write_lines(
        folder / "context.jsonl", [{"id": image[:3], "image": image, "caption": "Sky."} for image in images[:3]]
    )
    write_lines(folder / "answers_gpt4.jsonl", [{"question_id": n, "text": f"reference {n}"} for n in range(4)])
    for number, image in enumerate(images[:3]):
        save_image(folder / "images" / image, number)


def finish_run(root: Path, task: str, answers: Mapping[str, str] | Sequence[str], folder: Path, *more: str) -> None:
    """A finished run in `folder`. `answers` are texts by what the question holds, or one for each request in turn."""

    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        if not isinstance(answers, Mapping):
            return chat(answers[number])
        return chat(next(text for words, text in answers.items() if words in text_of(body)))

    given = ["--model-option", "concurrency=1", "--data", str(root), "--output", str(folder), "--allow-partial"]
    with fake_server(behave) as server:
        main(["run", "--model", "openai:m", "--base-url", server.url, "--tasks", task, *given, *more])
    assert (folder / "scores.json").exists()


def change_answer(folder: Path, task: str, before: str, after: str) -> None:
    """Change a text in a run's record of responses, and take the checksums away, as one does by hand."""
    path = folder / "responses" / f"{task}.jsonl"
    text = path.read_text()
    assert before in text
    path.write_text(re.sub(r', "crc32": "\w{8}"', "", text.replace(before, after)))


def judged_scores(run: Path) -> list[dict[str, Any]]:
    """The scores files of all judges of a run, by name."""
    return [json.loads(path.read_text()) for path in sorted((run / "judged").glob("*/scores.json"))]


def values(scores: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """(metric, group and category) -> value of a judge's scores file."""
    (task,) = scores["tasks"]
    return {
        (metric["name"], f"{metric['group']} {metric['category']}".strip()): metric["value"]
        for metric in task["metrics"]
    }


def prediction(body: dict[str, Any]) -> int:
    """The number of the answer that is judged."""
    return int(text_of(body).rsplit(" | ", 2)[1].removeprefix("answer "))


def by_parity(body: dict[str, Any], number: int = 0) -> Reply | dict[str, Any]:
    """A judge that gives half a point to even answers and a whole one to odd ones."""
    return chat(["0.5", "1.0"][prediction(body) % 2], "length")


def verdicts(folder: Path) -> Path:
    """The record of the only judge of the run."""
    (path,) = (folder / "run" / "judged").glob("*/verdicts.jsonl")
    return path
