"""`explain TASK`: one page of words on how a task is asked and scored, and what published numbers used."""

import re

import pytest

from emma_eval.cli.main import main
from emma_eval.tasks.index import task_names


def explained(capsys, *arguments):
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", task_names())
def test_every_task_can_be_explained(name, capsys):
    if name == "easy_vqa":
        pytest.importorskip("easy_vqa")
    text = explained(capsys, name)
    for head in ("How it is asked", "How it is scored", "What the published numbers used", "CLIP instruction:"):
        assert head in text
    assert "Reads of a Sample" not in text
    assert "UserError" not in text


def test_the_prompt_is_explained(capsys):
    text = explained(capsys, "mmbench_en")
    assert "the whole prompt of the first of 3 passes" in text
    assert "USER: <image>\n      a hint\n      What color is the bus?\n      A. red\n      B. green" in text
    assert "asked once per rotation of the options" in text
    assert "reads the first line of the question" in " ".join(text.split())


def test_pasted_images_are_explained(capsys):
    text = " ".join(explained(capsys, "muirbench_pasted").split())
    assert "pasted into one, which is sent where the question points at one" in text
    assert "Which is larger, <image> or Right Image?" in text


def test_each_protocol_is_explained(capsys):
    text = " ".join(explained(capsys, "amber_discriminative").split())
    assert "protocol official (the default): scorer amber " in text
    assert "protocol emma: scorer amber_emma" in text
    assert "each question is compared with the reference of the next record" in text


def test_published_scores_have_split_source_and_caveat(capsys):
    text = explained(capsys, "mathvista_emma")
    table = text[text.index("MODEL") :]
    assert re.search(r"EMMA-7B \(EMMA-1\.0\) +not stated in figure +accuracy +25\.1 +\[1\] a\n", table)
    assert "[1] SaraGhazanfari/EMMA@899b6ae README, assets/result2.png" in table
    assert "a: script loads testmini\n" in table
    text = " ".join(text.split())
    assert "testing whether the gold answer string occurs in the output" in text


def test_a_mini_task_shows_its_first_question_and_no_published_score(capsys):
    text = explained(capsys, "pope_mini")
    assert "the first sample" in text
    assert "No published number of this benchmark is known here." in text


def test_an_unknown_task_is_named(capsys):
    assert main(["explain", "mmmuu"]) == 2
    assert "did you mean 'mmmu'?" in capsys.readouterr().err
