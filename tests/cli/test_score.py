"""The score command, end to end on a small data set in the official layout."""

import json
import subprocess
import sys

import pytest

from emma_eval.cli.main import main

QUESTIONS = {
    "data_subtype": "val2014",
    "questions": [{"image_id": i, "question_id": i, "question": "?"} for i in (1, 2)],
}
ANNOTATIONS = {
    "annotations": [
        {
            "image_id": i,
            "question_id": i,
            "question_type": "what",
            "answer_type": "other",
            "answers": [{"answer": truth, "answer_confidence": "yes", "answer_id": n} for n in range(1, 11)],
        }
        for i, truth in ((1, "cat"), (2, "dog"))
    ]
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "questions.json").write_text(json.dumps(QUESTIONS))
    (tmp_path / "annotations.json").write_text(json.dumps(ANNOTATIONS))
    return tmp_path


def arguments(folder, rows, *more):
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = [f"--file={key}={folder / key}.json" for key in ("questions", "annotations")]
    return ["score", "--task", "vqav2", *files, "--predictions", str(folder / "answers.jsonl"), *more]


def rows(*texts):
    return [{"question_id": i, "text": text} for i, text in enumerate(texts, 1)]


def test_the_table_says_what_was_scored_and_how(folder, capsys):
    assert main(arguments(folder, rows("cat", "cow"), "--allow-partial")) == 0
    out = capsys.readouterr().out
    assert "vqav2, split val, protocol official (partial: not comparable)" in out
    assert "2 of 2 answered, 0 failed, 0 missing" in out
    assert "50.00%" in out


def test_json_holds_metrics_samples_and_hashes(folder):
    out = folder / "scores.json"
    assert (
        main(arguments(folder, rows("cat", "Dog"), "--allow-partial", "--protocol", "llava", "--json", str(out))) == 0
    )
    report = json.loads(out.read_text())
    assert (report["schema_version"], report["protocol"], report["complete"]) == (1, "llava", False)
    assert report["options"] == {"processor": "llava"}
    exact = {"low": pytest.approx(100 * 0.025**0.5), "high": 100.0}  # both right: Clopper and Pearson's bound
    assert report["metrics"][0] == {
        "name": "accuracy",
        "value": 100.0,
        "n": 2,
        "unit": "percent",
        "group": "",
        "category": "",
        "higher_is_better": True,
        "no_interval": "",
        "interval": exact,
    }
    image = "COCO_val2014_000000000002.jpg"
    expected = {"id": "2", "score": 1.0, "parsed_answer": "dog", "status": "answered", "cluster": image}
    assert report["samples"][1] == expected
    assert set(report["data"]) == {"questions", "annotations"}
    assert len(report["predictions"]["sha256"]) == 64


def test_limit_scores_the_first_questions(folder, capsys):
    assert main(arguments(folder, rows("cat", "cow"), "--limit", "1")) == 0
    assert "100.00%" in capsys.readouterr().out


def test_missing_answers_are_refused_like_the_official_tool_unless_partial(folder, capsys):
    assert main(arguments(folder, rows("cat"), "--limit", "2")) == 2
    error = capsys.readouterr().err
    assert "1 of 2 questions have no answer, the first is 2" in error
    assert main(arguments(folder, rows("cat"), "--allow-partial")) == 0
    assert "1 missing" in capsys.readouterr().out


def test_recorded_failures_are_wrong_and_exit_with_1(folder, capsys):
    assert main(arguments(folder, rows("cat", None), "--allow-partial")) == 1
    assert "1 of 2 answered, 1 failed, 0 missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--protocol", "lava"], "did you mean 'llava'"),
        (["--file", "annotations"], "KEY=PATH"),
        (["--file", "annotation=x.json"], "did you mean 'annotations'"),
        ([], "2 samples were read, 214,354 are expected"),
    ],
)
def test_usage_errors_are_one_line(folder, capsys, more, message):
    assert main(arguments(folder, rows("cat", "dog"), *more)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_no_model_library_is_imported(folder):
    code = (
        "import sys; from emma_eval.cli.main import main\n"
        f"main({arguments(folder, rows('cat', 'dog'), '--allow-partial')!r})\n"
        "sys.exit(str([m for m in ('torch', 'transformers', 'pandas') if m in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_an_answer_that_utf_8_cannot_hold_is_scored_and_written(folder):
    out = folder / "scores.json"
    assert main(arguments(folder, rows("\ud800", "dog"), "--allow-partial", "--json", str(out))) == 0
    assert json.loads(out.read_text(encoding="utf-8"))["samples"][0]["parsed_answer"] == "\N{REPLACEMENT CHARACTER}"
