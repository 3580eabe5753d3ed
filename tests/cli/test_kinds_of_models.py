"""Models of every kind end on the same table and page."""

from __future__ import annotations

from pathlib import Path

import pytest

from emma_eval.cli.main import main
from tests import tiny_transformers


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("runs")
    model = tiny_transformers.write("smolvlm", root / "Tiny-SmolVLM")
    folders = []
    for source in (f"hf:{model}", "llava-mini", "emma-mini"):
        folders.append(str(root / f"run-{len(folders)}"))
        chosen = ["--model", source, "--tasks", "gqa_mini,mmbench_mini", "--limit", "3", "--device", "cpu"]
        assert main(["run", *chosen, "--output", folders[-1]]) == 0
    return folders


def test_one_leaderboard(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", *runs, "--output", str(tmp_path / "board")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    said = "Conversation templates: Tiny-SmolVLM in the model's own chat template; llava-mini, emma-mini in vicuna_v1."
    assert said in printed
    text = (tmp_path / "board" / "leaderboard.md").read_text()
    table = text[text.index("## Mini suite") :].split("\n\n")[1]
    assert [row.split("|")[1].strip() for row in table.splitlines()[2:]] == [
        "Tiny-SmolVLM",
        "llava-mini",
        "emma-mini",
    ]
    assert said in text.replace("\\", "")


def test_one_page(runs: list[str], tmp_path: Path) -> None:
    assert main(["report", *runs, "--output", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "index.html").read_text()
    assert all(name in page for name in ("Tiny-SmolVLM", "llava-mini", "emma-mini"))
    assert "Conversation templates: Tiny-SmolVLM in the model" in page
    assert "SmolVLMForConditionalGeneration of transformers" in page


def test_one_comparison(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", runs[0], runs[2]]) == 0
    out = capsys.readouterr().out
    assert "gqa_mini" in out
    assert "Tiny-SmolVLM in the model's own chat template; emma-mini in vicuna_v1" in " ".join(out.split())
