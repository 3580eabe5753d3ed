"""`submit`: the files that judges take, whole or not at all."""

import json

import pytest

from emma_eval.cli.main import main
from tests import tiny_datasets_wider as tiny


def submit(root, task, answers, *more):
    path = root / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in answers))
    output = root / "out.json"
    code = main(["submit", task, str(path), "--data", str(root), "--allow-partial", "--output", str(output), *more])
    return code, output


def test_mm_vets_file_maps_official_ids_to_texts(tmp_path):
    tiny.mmvet(tmp_path)
    answers = [{"question_id": "v1_1", "text": "zwei\n"}, {"question_id": "v1_0", "text": "één"}]
    code, output = submit(tmp_path, "mmvet", answers)
    assert code == 0
    assert list(json.loads(output.read_text("utf-8")).items()) == [("v1_0", "één"), ("v1_1", "zwei\n")]


def test_mm_vets_ids_get_their_prefix_where_llavas_question_file_has_none(tmp_path):
    rows = [{"question_id": i, "image": f"v1_{i}.png", "text": "x?"} for i in range(2)]
    tiny.write_lines(tmp_path / "mm-vet" / "llava-mm-vet.jsonl", rows)
    code, output = submit(tmp_path, "mmvet", [{"question_id": i, "text": str(i)} for i in range(2)])
    assert (code, json.loads(output.read_text())) == (0, {"v1_0": "0", "v1_1": "1"})


def test_llava_benchs_lines_are_in_the_order_of_the_questions(tmp_path):
    tiny.llava_bench(tmp_path)
    code, output = submit(tmp_path, "llava_bench", [{"question_id": i, "text": f"a{i}"} for i in (1, 0)])
    assert code == 0
    rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert [(row["question_id"], row["prompt"], row["text"]) for row in rows] == [
        (0, "Describe.", "a0"),
        (1, "Describe.", "a1"),
    ]
    assert {row["model_id"] for row in rows} == {"answers"}
    assert len({row["answer_id"] for row in rows}) == 2
    assert {frozenset(row) for row in rows} == {
        frozenset(("question_id", "prompt", "text", "answer_id", "model_id", "metadata"))
    }


def test_a_runs_folder_holds_the_answers_too(tmp_path):
    tiny.mmvet(tmp_path)
    rows = [{"id": f"v1_{i}", "round": 0, "prompt": "", "text": "x", "error": None} for i in range(2)]
    tiny.write_lines(tmp_path / "run" / "responses" / "mmvet.jsonl", rows)
    output = tmp_path / "out.json"
    arguments = [str(tmp_path / "run"), "--data", str(tmp_path), "--allow-partial", "--output", str(output)]
    assert main(["submit", "mmvet", *arguments]) == 0
    assert len(json.loads(output.read_text())) == 2


def test_of_repeated_answers_the_last_counts_and_a_note_says_so(tmp_path, capsys):
    tiny.mmvet(tmp_path)
    given = [("v1_0", "x"), ("v1_1", "y"), ("v1_0", "z")]
    code, output = submit(tmp_path, "mmvet", [{"question_id": key, "text": text} for key, text in given])
    assert (code, json.loads(output.read_text())) == (0, {"v1_0": "z", "v1_1": "y"})
    assert "note: 1 repeated answer: the later one counts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("mmvet", "1 of 2 questions have no answer, the first is v1_1; run the task to its end"),
        ("pope", "task pope is scored here: there is no file to submit"),
    ],
)
def test_what_cannot_be_submitted_is_one_line_and_no_file(tmp_path, capsys, task, message):
    tiny.mmvet(tmp_path)
    code, output = submit(tmp_path, task, [{"question_id": "v1_0", "text": "x"}])
    assert code == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_a_judged_task_has_no_score_here(tmp_path, capsys):
    tiny.mmvet(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"question_id": "v1_0", "text": "x"}\n')
    arguments = ["--task", "mmvet", "--data", str(tmp_path), "--predictions", str(tmp_path / "a.jsonl")]
    assert main(["score", *arguments, "--allow-partial"]) == 2
    assert "rules cannot score them, a judge model can" in capsys.readouterr().err
