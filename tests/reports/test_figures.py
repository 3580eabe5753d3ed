"""Figures for papers: which files, equal each time, and the error without matplotlib."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

import pytest
from PIL import Image

from emma_eval.errors import UserError
from emma_eval.reports.figures import write_figures, write_table_figures
from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.published import load_published
from emma_eval.reports.table_panels import table_panel
from tests.fakes import metric, scored_run, task_scores
from tests.reports.html.fake_runs import reference, write_gqa, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_gqa(root, 12)
    return write_run(root, root / "run", "emma $\\alpha$\x1b & co", reference)


def test_scores_models_and_categories_are_drawn_as_png_svg_and_pdf(run, tmp_path):
    pytest.importorskip("matplotlib")
    paths = write_figures([run], tmp_path / "once")
    names = [path.name for path in paths]
    stems = ("scores", "models", "models-bars", "categories-GQA-test-dev-balanced-")
    assert names == [f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg", "pdf")]
    with Image.open(paths[0]) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    svg = paths[1].read_text(encoding="utf-8")
    assert "GQA (test-dev balanced)" in svg  # text stays text
    assert "emma $\\alpha$ &amp; co" in svg  # and no formula, nor a character that XML forbids
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "Accuracy (%)" in svg  # in words
    assert paths[2].read_bytes().startswith(b"%PDF-")
    again = write_figures([run], tmp_path / "again")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]


def test_without_matplotlib_the_way_to_install_it_is_told(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"figures need matplotlib: pip install 'emma-eval\[report\]'"):
        write_figures([run], tmp_path)


def test_the_papers_table_is_drawn_with_one_colour_a_model_in_all_figures(tmp_path):
    pytest.importorskip("matplotlib")
    tasks = (
        task_scores("gqa", "testdev-balanced", metric("accuracy", 62.0)),
        task_scores("mme", "test", metric("perception", 1500.0, "points")),
        task_scores("pope", "coco", metric("f1", 0.86, "fraction")),
    )
    tables = Leaderboard([scored_run(*tasks)], load_published()).tables()
    names = [path.name for path in write_table_figures(tables[2:], tmp_path)]
    forms = [f"hallucination-{form}" for form in ("dots", "bars", "radar")]
    assert names == [f"{form}.{suffix}" for form in forms for suffix in ("png", "svg", "pdf")]
    models = ["LLaVA-1.5-7B", "mPLUG-Owl2", "BRAVE", "EMMA-7B", "my-emma (measured)"]
    general, mllm, hallucination = (table_panel(table, models) for table in tables)
    assert "MME perception" not in [row.label for row in mllm.rows]  # points are no percent
    assert "COCO CIDEr" not in [row.label for row in general.rows]
    pope = next(row for row in hallucination.rows if row.label == "POPE F1")
    assert [(models[mark.run], mark.value) for mark in pope.marks] == [
        ("LLaVA-1.5-7B", 85.9), ("BRAVE", 87.6), ("my-emma (measured)", 86.0),
    ]  # fmt: skip


def test_a_table_without_scores_in_percent_is_refused(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(UserError, match="no benchmark that is shown is scored in percent"):
        write_table_figures([], tmp_path)
