"""`judge` on each benchmark that has one, from the run's answers to the scores: what is asked, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emma_eval.cli.main import main
from tests import judged_runs, tiny_datasets, tiny_datasets_wider
from tests.fake_server import Reply, chat, fake_server
from tests.judged_runs import judged_scores, values

Behave = Callable[[str], "Reply | dict[str, Any]"]


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., tuple[dict[str, Any], list[str]]]:
    """Run a task on the data in `tmp_path` with these answers, judge it, and return (scores file, prompts)."""

    def call(task: str, answers: list[str], behave: Behave) -> tuple[dict[str, Any], list[str]]:
        judged_runs.finish_run(tmp_path, task, answers, tmp_path / "run")
        with fake_server(lambda body, number: behave(body["messages"][-1]["content"])) as server:
            where = ["--base-url", server.url, "--data", str(tmp_path)]
            assert main(["judge", task, str(tmp_path / "run"), "--judge", "openai:j", *where]) == 0
        (content,) = judged_scores(tmp_path / "run")
        return content, [body["messages"][-1]["content"] for body in server.bodies]

    return call


def test_llava_bench(judge, tmp_path) -> None:
    """Two scores for each answer: 5 + 4 + 3 + 2 = 14 of 8 + 8 + 8 + 8 = 32."""
    judged_runs.llava_bench(tmp_path)
    content, prompts = judge(
        "llava_bench",
        [f"answer {number}" for number in range(4)],
        lambda prompt: chat(f"8 {5 - int(prompt.split('answer ')[1][0])}\nbecause"),
    )
    assert len(prompts) == 4
    assert all(f"[Assistant 1]\nreference {n}" in text for text in prompts for n in [text.split("What is ")[1][0]])
    assert values(content)["score", ""] == 3.5 / 8 * 100


def test_hallusionbench(judge, tmp_path) -> None:
    """The question without a figure, then two with one; the third is wrong, as the first is, and says the same."""
    tiny_datasets_wider.hallusionbench(tmp_path)
    path = tmp_path / "hallusionbench" / "HallusionBench.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([row | {"gt_answer_details": f"detail {n}"} for n, row in enumerate(rows)]))

    def behave(prompt: str) -> Reply | dict[str, Any]:
        if "response1" in prompt:
            return chat("same")
        return chat("correct" if "detail 1" in prompt else "incorrect")

    content, prompts = judge("hallusionbench_full", ["zero", "one", "two"], behave)
    assert len(prompts) == 4
    assert "response1:two\nresponse2: zero\nOutput:" in prompts[-1]
    found = values(content)
    assert found["accuracy", ""] == pytest.approx(100 / 3)
    assert (found["figure_accuracy", ""], found["pair_accuracy", ""]) == (50.0, 0.0)
    assert (found["language_hallucination", ""], found["visual_illusion", ""]) == (100.0, 0.0)


def test_mathvista(judge, tmp_path) -> None:
    tiny_datasets_wider.mathvista(tmp_path)
    content, prompts = judge("mathvista", ["140°", "It weighs 1.2 g."], lambda prompt: chat("1.2"))
    assert len(prompts) == 1
    assert prompts[0].endswith("\n\nIt weighs 1.2 g.\n\nExtracted answer: ")
    assert values(content)["accuracy", ""] == 1.0


def test_mmbench(judge, tmp_path) -> None:
    """The second pass of the first question has no letter; the second question is wrong by rules."""
    tiny_datasets.mmbench(tmp_path)
    answers = ["B", "uncertain", "A", "some", "some"]
    content, prompts = judge("mmbench_en", answers, lambda prompt: chat("A"))
    assert len(prompts) == 1
    assert "\nAnswer: uncertain\n" in prompts[0]
    assert values(content)["accuracy", ""] == 0.5


@pytest.mark.parametrize("task", ["mmvet", "llava_bench", "hallusionbench", "mathvista", "mmbench_cn"])
def test_explain_names_the_command_and_the_official_tool(task, capsys) -> None:
    assert main(["explain", task]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"by a judge model: judge {task} RUN --judge openai:NAME --base-url URL" in shown
    assert "the judge that it asks by default is gpt-" in shown
