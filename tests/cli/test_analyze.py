"""`analyze`: files, page and sentences of an analysis, and what it refuses."""

from __future__ import annotations

import csv
from functools import partial

import pytest
import torch

from emma_eval.cli.main import main
from emma_eval.interpretability.analysis.sections import SECTIONS
from emma_eval.results.model_analysis import read_analysis
from emma_eval.utils.json_io import read_json
from tests.tiny_checkpoint import TinyCheckpoint
from tests.tiny_mplug_owl2 import TinyMPlugOwl2

CHOSEN = "norms,movement,information,spectrum"


@pytest.fixture
def analyze(ask_emma):
    return partial(ask_emma, "analyze")


def test_everything_is_written_and_strict(analyze, place):
    out = place[0] / "out"
    shown = analyze("--sections", CHOSEN).out
    content = read_json(out / "analysis.json")  # raises for NaN and Infinity
    assert [section["key"] for section in content["sections"]] == CHOSEN.split(",")
    assert content["tasks"] == [{"task": "pope", "title": "POPE", "samples": 12, "analyzed": 12, "left_out": {}}]
    for section in read_analysis(out).sections:
        assert section.title in shown
        for sentence in section.sentences:
            assert sentence in " ".join(shown.split())
        for table in section.tables:
            rows = list(csv.reader((out / "tables" / f"{section.key}-{table.name}.csv").open(newline="")))
            assert rows[0] == list(table.columns)
            assert len(rows) == len(table.rows) + 1
        for figure in section.figures:
            assert figure.caption.endswith(".")
            for suffix, start in {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}.items():
                file = out / "figures" / f"{section.key}-{figure.name}.{suffix}"
                assert file.read_bytes().startswith(start)
    norms = (out / "arrays" / "norms-column-norms-text.csv").read_text().split()
    assert [float(number) for number in norms] == content["sections"][0]["arrays"]["column norms, text"]
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == sum(len(one["figures"]) for one in content["sections"])


def test_the_same_command_gives_the_same_files(analyze, place):
    out = place[0] / "again"
    analyze("--sections", "spectrum", output=out)
    kept = ("analysis.json", "figures/spectrum-singular-values.svg", "tables/spectrum-rank.csv", "index.html")
    first = [(out / file).read_bytes() for file in kept]
    (out / "figures" / "earlier.png").write_bytes(b"")
    assert "everything is answered already" in analyze("--sections", "spectrum", output=out).err
    assert [(out / file).read_bytes() for file in kept] == first
    assert not (out / "figures" / "earlier.png").exists()


def test_the_page_of_the_run_has_the_analysis(analyze, place, capsys):
    root = place[0]
    analyze("--sections", "spectrum", output=root / "paged")
    for run in (root / "paged" / "run", root / "out" / "elsewhere"):
        if run.name == "elsewhere":
            (root / "paged" / "run").rename(root / "moved")
            (root / "moved" / "analysis").mkdir()
            (root / "paged" / "analysis.json").rename(root / "moved" / "analysis" / "analysis.json")
            run = root / "moved"  # noqa: PLW2901
        assert main(["report", str(run), "--output", str(root / "page"), "--samples", "none"]) == 0
        page = (root / "page" / "index.html").read_text()
        assert "Rank of W" in page
        assert "effective rank" in page
    (root / "moved" / "analysis" / "analysis.json").write_text("{}")
    assert main(["report", str(root / "moved"), "--output", str(root / "page"), "--samples", "none"]) == 2
    assert "run `analyze` again" in capsys.readouterr().err


def test_plain_llava_shows_what_it_has(analyze, place):
    llava = TinyCheckpoint(version=None, text_layer=None, text_feature=None, alignment=False).write(place[0] / "llava")
    shown = " ".join(analyze(model=llava, output=place[0] / "llava-out").out.split())
    lacking = ", ".join(name for name, kind in SECTIONS.items() if kind.needs_alignment)
    assert f"not shown: {lacking} (the model has no alignment module)" in shown
    assert "The model has no alignment: its visual features are those before." in shown
    error = analyze("--sections", "norms", model=llava, output=place[0] / "x", code=2).err
    assert "norms can't be shown of it: the model has no alignment module; " in error
    assert not (place[0] / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sections", "norm"), "there is no section 'norm'; did you mean 'norms'?"),
        (("--sections", ","), "--sections names none; known: norms, "),
        (("--samples", "0"), "--samples"),
    ],
)
def test_wrong_arguments_are_one_line(analyze, arguments, message):
    error = analyze(*arguments, code=2).err.splitlines()[-1]
    assert message in error


def test_other_models_and_broken_weights_are_refused(analyze, place):
    root = place[0]
    owl = TinyMPlugOwl2().write(root / "owl")
    refused = analyze("--sections", "norms", model=owl, output=root / "x", code=2).err
    assert "norms can't be shown of it: mPLUG-Owl2 has no alignment module;" in " ".join(refused.split())
    assert "can be ablated or analyzed" in analyze(model="openai:x", output=root / "x", code=2).err
    broken = TinyCheckpoint().write(root / "broken")
    tensors = torch.load(broken / "vision_tower.bin")
    tensors["image_text_infusion.weight"][0, 0] = torch.nan
    torch.save(tensors, broken / "vision_tower.bin")
    shown = analyze(model=broken, output=root / "broken-out", code=2).err
    assert "not finite" in shown or "no sample can be analyzed" in shown
