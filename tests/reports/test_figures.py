"""Figures for papers: which files, equal each time, and the error without matplotlib."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

import pytest
from PIL import Image

from emma_eval.errors import UserError
from emma_eval.reports.figures import write_figures
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
