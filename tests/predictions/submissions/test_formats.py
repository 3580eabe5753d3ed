"""The files for servers that keep the references, read back and compared with each server's rules."""

import csv
import json

import openpyxl
import pytest

from emma_eval.cli.main import main
from emma_eval.data.loading import load_samples
from emma_eval.predictions import read_predictions
from emma_eval.tasks.loading import load_task
from tests import tiny_datasets as tiny
from tests import tiny_datasets_wider as tiny_wider

SUFFIX = "\nAnswer the question using a single word or phrase."


def submit(root, task, answers, *more, output="out.json"):
    tiny_wider.write_lines(root / "answers.jsonl", answers)
    path = root / output
    arguments = [task, str(root / "answers.jsonl"), "--data", str(root), "--allow-partial", "--output", str(path)]
    return main(["submit", *arguments, *more]), path


def answers(texts):
    return [{"question_id": key, "text": text} for key, text in texts.items()]


@pytest.fixture
def vqav2(tmp_path):
    """Two of the four questions of test2015 belong to test-dev."""
    whole = [{"question_id": n, "image_id": 40 + n, "question": f"What is {n}?"} for n in (4, 1, 3, 2)]
    folder = tmp_path / "vqav2"
    part = {"data_subtype": "test-dev2015", "questions": [row for row in whole if row["question_id"] < 3]}
    tiny.write_json(folder / "v2_OpenEnded_mscoco_test-dev2015_questions.json", part)
    tiny.write_json(folder / "v2_OpenEnded_mscoco_test2015_questions.json", {"questions": whole})
    return tmp_path


def test_vqav2_has_every_question_of_the_split_empty_where_not_asked(vqav2):
    code, path = submit(vqav2, "vqav2_testdev", answers({1: "Two, dogs", 2: "é"}))
    assert code == 0
    assert json.loads(path.read_text("utf-8")) == [
        {"question_id": 4, "answer": ""},
        {"question_id": 1, "answer": "Two, dogs"},
        {"question_id": 3, "answer": ""},
        {"question_id": 2, "answer": "é"},
    ]


def test_vqav2_as_llava_uploads_it(vqav2):
    """Its processor drops commas and articles, spells numbers as digits, and makes letters small."""
    code, path = submit(vqav2, "vqav2_testdev", answers({1: "Two, dogs", 2: "The cat"}), "--protocol", "llava")
    assert code == 0
    assert {row["question_id"]: row["answer"] for row in json.loads(path.read_text())}[1] == "2 dogs"
    assert {row["question_id"]: row["answer"] for row in json.loads(path.read_text())}[2] == "cat"


def test_vqav2_from_llavas_own_question_files(tmp_path):
    rows = [
        {
            "question_id": n,
            "image": f"COCO_test2015_{n:012d}.jpg",
            "text": f"What is {n}?{SUFFIX}",
            "category": "default",
        }
        for n in (1, 2)
    ]
    tiny_wider.write_lines(tmp_path / "vqav2" / "llava_vqav2_mscoco_test-dev2015.jsonl", rows[:1])
    tiny_wider.write_lines(tmp_path / "vqav2" / "llava_vqav2_mscoco_test2015.jsonl", rows)
    (sample,) = load_samples(load_task("vqav2_testdev"), tmp_path, allow_partial=True)
    assert (sample.question, sample.images[0].name) == ("What is 1?", "COCO_test2015_000000000001.jpg")
    code, path = submit(tmp_path, "vqav2_testdev", answers({1: "x"}))
    assert code == 0
    assert json.loads(path.read_text()) == [{"question_id": 1, "answer": "x"}, {"question_id": 2, "answer": ""}]


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        (None, "the server wants an answer to every question of test2015, and their file is not below --data ROOT"),
        ([3, 4], "2 answered questions not among its own, the first is 1: it is the file of another split"),
        ([1, 2, 2], "the question_id 2 stands twice"),
        ([1, 2, "x"], "every question must have a whole number as its question_id"),
    ],
)
def test_vqav2_without_the_whole_splits_questions(vqav2, capsys, questions, message):
    path = vqav2 / "vqav2" / "v2_OpenEnded_mscoco_test2015_questions.json"
    path.unlink()
    if questions:
        tiny.write_json(path, {"questions": [{"question_id": one} for one in questions]})
    code, output = submit(vqav2, "vqav2_testdev", answers({1: "a", 2: "b"}))
    assert (code, output.exists()) == (2, False)
    assert message in capsys.readouterr().err


def test_vizwiz_maps_images_to_answers(tmp_path):
    rows = [{"image": f"VizWiz_test_{n:08d}.jpg", "question": "What?"} for n in range(2)]
    tiny.write_json(tmp_path / "vizwiz" / "test.json", rows)
    code, path = submit(tmp_path, "vizwiz_test", answers({row["image"]: "Coke" for row in rows}))
    assert code == 0
    assert json.loads(path.read_text()) == [{"image": row["image"], "answer": "Coke"} for row in rows]
    tiny.write_json(tmp_path / "vizwiz" / "test.json", rows + rows[:1])
    assert submit(tmp_path, "vizwiz_test", answers({row["image"]: "Coke" for row in rows}))[0] == 2


@pytest.fixture
def mmbench(tmp_path):
    """The test split: no column `answer`; a row a pass."""
    tiny.mmbench(tmp_path)
    path = tmp_path / "mmbench" / "mmbench_dev_20230712.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    columns = [column for column in rows[0] if column != "answer"]
    with (path.parent / "mmbench_test_20230712.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row | {"split": "test"} for row in rows)
    return tmp_path, [row for row in rows if int(row["index"]) >= 0]


TEXTS = {"241": "A", "1000241": "=B", "252": "C\n\x07", "1000252": "A", "2000252": "B"}


def test_mmbench_has_a_row_for_each_pass_with_its_options(mmbench):
    root, official = mmbench
    code, path = submit(root, "mmbench_en_test", answers(TEXTS), output="out.xlsx")
    assert code == 0
    header, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    assert header == ("index", "question", "A", "B", "C", "D", "prediction")
    kept = ("index", "A", "B", "C", "D")
    shown = {row[0]: tuple(cell or "" for cell in row[2:6]) for row in rows}
    assert shown == {int(row["index"]): tuple(row[letter] for letter in kept[1:]) for row in official}
    assert {row[0]: row[6] for row in rows} == {241: "A", 1000241: "=B", 252: "C\n", 1000252: "A", 2000252: "B"}
    cells = {cell.value: cell.data_type for row in openpyxl.load_workbook(path).active.iter_rows() for cell in row}
    assert cells["=B"] == "s"  # a text, no formula


def test_mmbench_as_tsv_is_read_as_predictions_again(mmbench):
    root, _ = mmbench
    code, path = submit(root, "mmbench_en_test", answers(TEXTS), output="out.tsv")
    assert code == 0
    task = load_task("mmbench_en_test")
    samples = load_samples(task, root, allow_partial=True)
    again = read_predictions(path, samples, task).answers
    assert {key: answer.text for key, answer in again.items()} == {
        ("241", 0): "A",
        ("241", 1): "=B",
        ("252", 0): "C\n",
        ("252", 1): "A",
        ("252", 2): "B",
    }


@pytest.mark.parametrize(
    ("texts", "output", "message"),
    [
        (TEXTS, "out.csv", "a name that ends in .xlsx (the server's format) or .tsv is expected"),
        (TEXTS | {"241": "x" * 40_000}, "out.xlsx", "the answer to index 241 has 40,000 characters"),
        ({"241": "A", "1000241": "B", "252": "C"}, "out.xlsx", "a pass of a question has no answer, the first is 252"),
    ],
)
def test_mmbench_refuses_what_the_server_would(mmbench, capsys, texts, output, message):
    code, path = submit(mmbench[0], "mmbench_en_test", answers(texts), output=output)
    assert (code, path.exists()) == (2, False)
    assert message in capsys.readouterr().err


def test_mmmu_has_letters_and_texts(tmp_path):
    rows = [
        {"id": "test_Art_1", "question": "Which?", "options": "['red', 'blue']", "answer": "?"},
        {"id": "test_Art_2", "question": "How many?", "options": "[]", "answer": "?"},
    ]
    blank = {f"image_{n}": None for n in range(1, 8)}
    tiny_wider.write_lines(tmp_path / "mmmu" / "test.jsonl", [row | blank for row in rows])
    (tmp_path / "mmmu" / "images").mkdir()
    given = {"test_Art_1": "The answer is (B).", "test_Art_2": "about 0.5"}
    code, path = submit(tmp_path, "mmmu_test", answers(given))
    assert code == 0
    assert json.loads(path.read_text()) == {"test_Art_1": "B", "test_Art_2": "about 0.5"}


def test_mmmu_draws_a_letter_where_none_is_given_as_the_official_tool_does(tmp_path):
    options = "['a', 'b', 'c', 'd']"
    rows = [{"id": f"test_Art_{n}", "question": "?", "options": options, "answer": "?"} for n in range(6)]
    blank = {f"image_{n}": None for n in range(1, 8)}
    tiny_wider.write_lines(tmp_path / "mmmu" / "test.jsonl", [row | blank for row in rows])
    (tmp_path / "mmmu" / "images").mkdir()
    code, path = submit(tmp_path, "mmmu_test", answers({row["id"]: "Hm." for row in rows}))
    assert code == 0
    assert list(json.loads(path.read_text()).values()) == [
        "A",
        "A",
        "C",
        "B",
        "B",
        "B",
    ]  # random.seed(42), Python's own


def test_mathvistas_file_is_what_extract_answer_reads(tmp_path):
    tiny_wider.mathvista(tmp_path)
    samples = load_samples(load_task("mathvista"), tmp_path, allow_partial=True)
    code, path = submit(tmp_path, "mathvista", answers({sample.id: "4" for sample in samples}))
    assert code == 0
    content = json.loads(path.read_text("utf-8"))
    assert list(content) == [sample.id for sample in samples]
    for problem, sample in zip(content.values(), samples, strict=True):
        assert (problem["query"], problem["response"]) == (sample.question, "4")
        assert problem["question_type"] in ("multi_choice", "free_form")
        assert (problem["choices"] is not None) == (problem["question_type"] == "multi_choice")
        assert {"answer_type", "precision", "pid"} <= set(problem)
    again = read_predictions(path, samples, load_task("mathvista")).answers
    assert {answer.text for answer in again.values()} == {"4"}
