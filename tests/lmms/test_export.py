"""A run as lmms-eval's files: its names and keys, and the way back by `score --predictions`."""

import json

import pytest

from emma_eval.cli.main import main
from tests.fakes import command_output, quiz_row, run_pope, write_pope, write_quiz

# Of `lmms-eval --log_samples` 0.7.3, but for what it measures itself (usage, efficiency, start and end).
RESULT_KEYS = {
    "results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config", "git_hash",
    "lmms_eval_version", "date", "task_hashes", "model_source", "model_name", "model_name_sanitized",
    "system_instruction", "system_instruction_sha", "fewshot_as_multiturn", "chat_template", "chat_template_sha",
    "total_evaluation_time_seconds",
}  # fmt: skip
SAMPLE_KEYS = {"doc_id", "target", "filtered_resps", "token_counts", "doc_hash", "input_media", "input"}
OWN_KEYS = {"question_id", "pass_index", "score"}


@pytest.fixture
def run(tmp_path):
    """A finished run of POPE, and the data it was scored by."""
    write_pope(tmp_path / "data")
    run_pope(tmp_path / "data", tmp_path / "run")
    return tmp_path


def export(root, *options):
    arguments = ["export", str(root / "run"), "--format", "lmms-eval", "--output", str(root / "logs"), *options]
    return main([*arguments, "--data", str(root / "data")])


def test_files_have_the_names_and_keys_of_lmms_eval(run, capsys):
    assert export(run) == 0
    results, samples = sorted((run / "logs" / "fake").iterdir())
    assert capsys.readouterr().out.splitlines() == [str(results), str(samples)]
    date = results.name.removesuffix("_results.json")
    assert len(date) == len("20261127_203720")
    assert samples.name == f"{date}_samples_pope.jsonl"
    content = json.loads(results.read_text())
    assert content.keys() == RESULT_KEYS
    assert content["results"]["pope"]["alias"] == "pope"
    scores = json.loads((run / "run" / "scores.json").read_text())["tasks"][0]["metrics"]
    assert content["results"]["pope"]["f1,none"] == next(one["value"] for one in scores if one["name"] == "f1")
    assert content["n-samples"] == {"pope": {"original": 12, "effective": 12}}
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    assert [row["doc_id"] for row in rows] == list(range(12))
    assert rows[0].keys() == SAMPLE_KEYS | OWN_KEYS | {"f1"}
    assert rows[0]["input"] == ("Is there a random cat 0?\nAnswer the question using a single word or phrase.")
    assert rows[0]["target"] == "yes"
    assert rows[0]["token_counts"] == [{"output_tokens": 2}]


def test_the_samples_file_scores_as_the_run_did(run):
    export(run)
    (samples,) = (run / "logs").rglob("*_samples_pope.jsonl")
    output = run / "again.json"
    arguments = ["score", "--task", "pope", "--data", str(run / "data"), "--allow-partial", "--json", str(output)]
    assert main([*arguments, "--predictions", str(samples)]) == 0
    again = {(m["name"], m["category"]): m["value"] for m in json.loads(output.read_text())["metrics"]}
    before = json.loads((run / "run" / "scores.json").read_text())["tasks"][0]["metrics"]
    assert again == {(m["name"], m["category"]): m["value"] for m in before}


def test_a_failed_request_is_null_and_counts_as_failed(run, capsys):
    (run / "data" / "pope" / "val2014" / "a.jpg").write_bytes(b"no image")
    run_pope(run / "data", run / "run2")
    main(["export", str(run / "run2"), "--format", "lmms-eval", "-o", str(run / "l"), "--data", str(run / "data")])
    (samples,) = (run / "l").rglob("*_samples_pope.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    assert [row["filtered_resps"] is None for row in rows] == [True, False] * 6
    arguments = ["score", "--task", "pope", "--data", str(run / "data"), "--allow-partial"]
    printed = command_output(capsys, [*arguments, "--predictions", str(samples)], 1)
    assert "6 of 12 answered, 6 failed, 0 missing" in printed


def test_other_data_than_the_runs_are_refused(run, capsys):
    path = run / "data" / "pope" / "coco" / "coco_pope_random.json"
    path.write_text(path.read_text().replace("yes", "no"))
    assert export(run) == 2
    assert "task pope: the data found are not those that" in capsys.readouterr().err


def test_an_unfinished_run_and_a_file_as_output_are_refused(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "data").mkdir()
    assert export(tmp_path) == 2
    (tmp_path / "logs").write_text("")
    assert export(tmp_path) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "is not a run folder" in first
    assert "is a file: a folder is expected" in second


def test_rows_of_lmms_eval_itself_join_by_number_with_their_question(tmp_path, capsys):
    """0.7.3 writes neither `doc` nor ids: `input` is compared with the question, and counts are printed."""
    options = write_quiz(tmp_path, [quiz_row(i + 10, question=f"What colour is {i}?") for i in range(3)])
    rows = [
        {
            "doc_id": i,
            "target": "red",
            "filtered_resps": "red",
            "token_counts": [{"output_tokens": 2}],
            "doc_hash": "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
            "input_media": [],
            "exact_match": 1.0,
            "input": f"What colour is {i}?\nAnswer.",
        }
        for i in range(3)
    ]
    path = tmp_path / "20261127_203720_samples_quiz.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["score", "--task", "quiz", *options, "--predictions", str(path)]
    assert "3 of 3 answered, 0 failed, 0 missing" in command_output(capsys, arguments, 0)
    rows[1]["input"] = "What colour is 2?\nAnswer."
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "What colour is 2?" in command_output(capsys, arguments, 2)
