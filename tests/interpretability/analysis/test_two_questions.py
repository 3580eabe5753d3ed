"""The section on two questions about one image: which settings are asked, and what is counted."""

from __future__ import annotations

import pytest

from emma_eval.interpretability.analysis import two_questions
from emma_eval.interpretability.analysis.two_questions import NO_PAIRS, OFF, OWN, SWAPPED, TwoQuestionsBuilder
from emma_eval.types import Generation
from tests.interpretability.analysis.subjects import LLAVA, TASK, drawn, load, questions, subject


@pytest.fixture(scope="module")
def emma(tmp_path_factory):
    return load(tmp_path_factory.mktemp("emma"))


def built(about):
    builder = TwoQuestionsBuilder(about)
    for batch in about.batches():
        builder.add(batch)
    return builder.finish()


def test_the_settings_differ_in_what_the_text_encoder_reads_alone(emma, monkeypatch):
    asked = []

    def generate(engine, requests):
        alignment = engine.model.model.alignment
        asked.append((alignment is not None, list(requests)))
        said = ["red", "two"] if alignment is None else ["red", "red"]
        return {index: Generation(said[index % 2]) for index in range(len(requests))}

    monkeypatch.setattr(two_questions, "generate", generate)
    about = subject(emma, questions(3))
    section = built(about)
    (swapped_aligned, swapped), (off_aligned, off) = asked
    own = [item.request for item in about.items]
    assert swapped_aligned and not off_aligned
    assert off == own
    assert [one.message for one in swapped] == [one.message for one in own]
    assert [one.instruction for one in swapped] == [own[index ^ 1].instruction for index in range(6)]
    table = {row[1]: dict(zip(section.tables[0].columns, row, strict=True)) for row in section.tables[0].rows}
    assert list(table) == [OWN, SWAPPED, OFF]
    assert [row["both right, %"] for row in table.values()] == [0, 0, 100]
    assert [row["same answer, %"] for row in table.values()] == [100, 100, 0]
    assert [row["score for its own question, %"] for row in table.values()] == [50, 50, 100]
    assert [row["score for the other question, %"] for row in table.values()] == [50, 50, 0]
    assert table[OFF]["difference, points"] == 100
    assert table[OFF]["p"] == pytest.approx(2 / 2**3)  # three pairs won, none lost
    assert table[OWN]["both right: high"] == pytest.approx(100 * (1 - 0.025 ** (1 / 3)))  # Clopper and Pearson's
    assert {row["task"] for row in table.values()} == {TASK}


def test_a_pair_without_an_answer_in_some_setting_is_left_out_of_all(emma, monkeypatch):
    def generate(engine, requests):
        return {
            index: Generation("red") for index in range(len(requests)) if engine.model.model.alignment or index != 3
        }

    monkeypatch.setattr(two_questions, "generate", generate)
    section = built(subject(emma, questions(3)))
    assert {row[2] for row in section.tables[0].rows} == {2}
    assert "1 pair left out: no answer in some setting." in section.sentences


def test_the_figures_are_drawn(emma):
    section = built(subject(emma, questions(3), shown=("1a",)))
    assert [figure.name for figure in section.figures] == ["mean-difference", "pairs"]
    (pair,) = section.figures[1].draw.args[0]
    assert [line.split(" Answer")[0] for line in pair.lines] == [
        f"{TASK} 1a: What colour is it?",
        f"{TASK} 1b: How many are there?",
    ]
    assert all(values.shape == (4, 4) for values in (*pair.maps.values(), *section.arrays.values()))
    assert all(image.startswith(b"\x89PNG") for image in drawn(section).values())


def test_no_question_moves_the_tokens_of_a_model_without_alignment(tmp_path):
    section = built(subject(load(tmp_path, LLAVA), questions(2)))
    assert [row[1] for row in section.tables[0].rows] == [OWN]
    assert not section.figures and not section.arrays
    assert "No difference maps: no question moves the visual tokens of a model without alignment." in section.sentences


def test_images_with_one_question_each_are_no_pairs(emma):
    section = built(subject(emma, questions(3)[::2]))
    assert section.sentences == (NO_PAIRS,)
    assert not section.tables
