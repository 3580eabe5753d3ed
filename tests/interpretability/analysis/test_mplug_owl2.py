"""What `analyze` shows of mPLUG-Owl2, which has no alignment and whose visual tokens are learnt queries."""

from __future__ import annotations

import pytest

from emma_eval.errors import UserError
from emma_eval.interpretability.analysis.analyze import plan_analysis
from emma_eval.interpretability.analysis.sections import SECTIONS
from emma_eval.models.base import ModelSpec
from emma_eval.results.model_analysis import read_analysis
from tests.fakes import command_output, quiz_row, write_quiz
from tests.tiny_mplug_owl2 import TinyMPlugOwl2


@pytest.fixture(scope="module")
def owl(tmp_path_factory):
    return str(TinyMPlugOwl2().write(tmp_path_factory.mktemp("owl")))


def test_sections_of_clips_features_and_of_w_are_left_out(owl):
    plan = plan_analysis(ModelSpec(owl, "cpu"), list(SECTIONS), chosen=False)
    assert plan.sections == ("attention", "two-questions")
    assert set(plan.left_out.values()) == {"mPLUG-Owl2 has no alignment module"}
    with pytest.raises(UserError, match=r"norms can't be shown .* mPLUG-Owl2 has no .*; attention, two-questions can"):
        plan_analysis(ModelSpec(owl, "cpu"), ["norms"], chosen=True)


def test_the_command_shows_its_attention_and_its_answers(owl, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [quiz_row(number, question=f"What is {number}?") for number in (1, 2)]
    options = write_quiz(tmp_path, [rows[0], rows[1] | {"a": "blue"}])
    argv = ["analyze", owl, "--tasks", "quiz", *options, "--device", "cpu", "--output", "found"]
    said = command_output(capsys, argv, 0)
    assert "No heat maps" in said
    assert "no question moves the visual tokens of a model without alignment" in " ".join(said.split())
    record = read_analysis(tmp_path / "found")
    assert [section.key for section in record.sections] == ["attention", "two-questions"]
    assert record.sections[1].tables[0].rows[0][2] == 1  # pair
    assert (tmp_path / "found/figures/attention-layers.svg").is_file()
    said = command_output(capsys, [*argv[:-1], "nothing", "--show", "7"], 2)
    assert "--show 7: no such sample is asked; --samples all asks every one" in said
    assert not (tmp_path / "nothing").exists()
