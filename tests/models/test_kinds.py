"""Every kind of model is listed, and has a section in docs/models.md."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from emma_eval import registry
from emma_eval.cli.main import main
from emma_eval.models.kinds import CHECKPOINTS, FOLDER, ModelKind, model_kinds
from emma_eval.registry import SHIPPED

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
KINDS = list(model_kinds())


def test_every_loader_of_the_registry_is_listed() -> None:
    for kind in ("models", "architectures"):
        assert {one.place for one in KINDS} >= set(SHIPPED[kind].values())
    assert {kind.usage.partition(":")[0] for kind in KINDS} == {*SHIPPED["models"], FOLDER}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.section)
def test_every_kind_has_a_section(kind: ModelKind) -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.M)
    assert any(kind.section in heading for heading in headings)


def test_options_on_the_page_exist() -> None:
    options = {option for kind in KINDS for option in kind.options()}
    assert set(re.findall(r"--model-option (\w+)=", PAGE)) <= options


@pytest.mark.parametrize("argv", [["list", "models"], ["list", "models", "--long"]])
def test_the_list_fits_a_terminal(argv: list[str], capsys: Any) -> None:
    assert main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for kind in KINDS:
        assert f"{kind.usage} {kind.line}" in text
        assert "--long" not in argv or all(f"{option}= " in text for option in kind.options())


def test_other_packages_architectures_are_listed(monkeypatch: Any) -> None:
    point = metadata.EntryPoint("owl9", "owl9_package:LOADER", "emma_eval.architectures")
    monkeypatch.setattr(registry, "_entry_points", lambda kind: (point,) if kind == "architectures" else ())
    (owl,) = [kind for kind in model_kinds() if "owl9" in kind.line]
    assert (owl.usage, owl.place) == (FOLDER, "owl9_package:LOADER")
    assert set(CHECKPOINTS) >= {"llava_llama", "mplug_owl2"}
