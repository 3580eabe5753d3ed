"""lmms-eval, both ways, against the real package; skipped where it is not installed. See docs/lmms-eval.md.

PYTHON -m pytest tests/integration/test_lmms_eval.py        with the Python that lmms-eval is installed for
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.integration.lmms_tasks import plain_rows, write_task, write_tasks

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("lmms_eval") is None, reason="lmms-eval is not installed: docs/lmms-eval.md"),
]
NAMES = ("ours_vqa", "ours_pope", "ours_images")


def command(*arguments, code=0):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=arguments[0].parent if isinstance(arguments[0], Path) else None,
    )
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def emma_eval(*arguments, code=0):
    return command(ROOT / "run_eval.py", *arguments, code=code)


def lmms_eval(folder, model, *arguments):
    common = ["--model", model, "--batch_size", "16", "--device", "cpu", "--log_samples", "--output_path", folder]
    return command("-m", "lmms_eval", *common, *arguments)


def one(folder, pattern):
    (path,) = folder.rglob(pattern)
    return path


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    write_tasks(folder)
    return folder


@pytest.fixture(scope="module")
def theirs(tasks, tmp_path_factory):
    """What lmms-eval writes for our model on the three tasks, asked in one command."""
    folder = tmp_path_factory.mktemp("theirs")
    lmms_eval(
        folder, "emma", "--model_args", "pretrained=emma-mini", "--tasks", ",".join(NAMES), "--include_path", tasks
    )
    return folder


@pytest.fixture(scope="module")
def ours(tasks, tmp_path_factory):
    """The run folder of the same tasks in our own engine; a group stands for two of them."""
    folder = tmp_path_factory.mktemp("ours") / "run"
    emma_eval("run", "--tasks", "lmms:ours,lmms:ours_images", "--include-path", tasks, "--output", folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_the_same_in_lmms_eval_and_here(theirs, ours, name):
    answers = {str(row["doc_id"]): row["filtered_resps"] for row in rows(one(theirs, f"*_samples_{name}.jsonl"))}
    own = {row["id"]: row["text"] for row in rows(ours / "responses" / f"lmms:{name}.jsonl")}
    assert own == answers
    assert len(set(own.values())) > 1


def test_the_answers_are_those_of_the_shipped_benchmark(theirs, tmp_path):
    emma_eval("run", "--tasks", "vqav2_mini", "--output", tmp_path / "run")
    own = {row["id"]: (row["text"], row["tokens"]) for row in rows(tmp_path / "run" / "responses" / "vqav2_mini.jsonl")}
    ids = [row["question_id"] for row in plain_rows(len(own))]
    found = rows(one(theirs, "*_samples_ours_vqa.jsonl"))
    assert {
        ids[row["doc_id"]]: (row["filtered_resps"], row["token_counts"][0]["output_tokens"]) for row in found
    } == own


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_is_the_same_in_lmms_eval_and_here(theirs, ours, name):
    content = json.loads(one(theirs, "*_results.json").read_text())["results"][name]
    (scores,) = [t for t in json.loads((ours / "scores.json").read_text())["tasks"] if t["name"] == f"lmms:{name}"]
    metrics = {f"{metric['name']},none": metric["value"] for metric in scores["metrics"]}
    assert metrics
    assert metrics == {key: content[key] for key in metrics}


def test_the_record_names_version_and_definition(ours):
    manifest = json.loads((ours / "manifest.json").read_text())
    facts = manifest["tasks"]["lmms:ours_vqa"]
    assert facts["protocol"] == "lmms-eval 0.7.3"
    assert facts["data"].keys() == {"definition", "dataset", "ours_vqa.parquet"}
    assert manifest["sessions"][0]["versions"]["lmms-eval"] == "0.7.3"


def test_a_run_goes_on_and_shows_its_page(ours, tasks, tmp_path):
    arguments = ["run", "--tasks", "lmms:ours,lmms:ours_images", "--include-path", tasks, "--output", ours]
    before = (ours / "scores.json").read_bytes()
    log = ours / "responses" / "lmms:ours_vqa.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:50]))
    emma_eval(*arguments)
    assert (ours / "scores.json").read_bytes() == before
    emma_eval("report", ours, "--output", tmp_path, "--include-path", tasks)
    assert "data:image" in (tmp_path / "index.html").read_text()


def test_two_processes_answer_as_one(ours, tasks, tmp_path):
    """Their images are opened here and sent as pixels."""
    arguments = ["--tasks", "lmms:ours,lmms:ours_images", "--include-path", tasks, "--output", tmp_path / "run"]
    emma_eval("run", *arguments, "--replicas", "2")
    assert (tmp_path / "run" / "scores.json").read_bytes() == (ours / "scores.json").read_bytes()


def test_the_second_name_of_the_model_loads_the_same_checkpoints(tasks, theirs, tmp_path):
    arguments = ["--model_args", "pretrained=emma-mini", "--tasks", "ours_images", "--include_path", tasks]
    lmms_eval(tmp_path, "owl2", *arguments)
    found = [row["filtered_resps"] for row in rows(one(tmp_path, "*_samples_ours_images.jsonl"))]
    assert found == [row["filtered_resps"] for row in rows(one(theirs, "*_samples_ours_images.jsonl"))]


def test_exported_files_are_read_by_lmms_eval_and_score_here(ours, tasks, tmp_path):
    from lmms_eval.baselines.loader import load_baseline

    emma_eval("export", ours, "--format", "lmms-eval", "--output", tmp_path, "--include-path", tasks)
    path = one(tmp_path, "*_samples_ours_pope.jsonl")
    scores, results = load_baseline(str(path), "ours_pope")
    accuracy = results["results"]["ours_pope"]["pope_accuracy,none"]
    assert sum(scores.values()) / len(scores) == accuracy
    done = [
        "--baseline",
        path,
        "--model_args",
        "pretrained=llava-mini",
        "--tasks",
        "ours_pope",
        "--include_path",
        tasks,
    ]
    printed = lmms_eval(tmp_path / "llava", "emma", *done)
    assert "Baseline" in printed
    for task in ("pope_mini", "lmms:ours_pope"):
        arguments = ["score", "--task", task, "--predictions", path, "--include-path", tasks]
        assert "300 of 300 answered, 0 failed, 0 missing" in emma_eval(*arguments)


@pytest.mark.parametrize("task", ["pope_mini", "lmms:ours_pope"])
def test_sample_files_of_lmms_eval_itself_score_here(theirs, tasks, task, tmp_path):
    predictions = one(theirs, "*_samples_ours_pope.jsonl")
    output = tmp_path / "scores.json"
    emma_eval("score", "--task", task, "--predictions", predictions, "--include-path", tasks, "--json", output)
    content = json.loads(output.read_text())
    metrics = {metric["name"]: metric["value"] for metric in content["metrics"] if not metric["group"]}
    results = json.loads(one(theirs, "*_results.json").read_text())["results"]["ours_pope"]
    assert content["counts"]["answered"] == 300
    assert metrics.get("pope_accuracy", metrics.get("accuracy")) == results["pope_accuracy,none"]
    assert metrics.get("pope_f1_score", metrics.get("f1")) == results["pope_f1_score,none"]


REFUSED = {
    "hellaswag": "output_type multiple_choice",
    "mmvet": "scored by a judge",
    "videomme": "asks about videos",
    "egothink_activity": "temperature 0.2",
    "pope": "cannot be loaded",
    "popee": "did you mean 'pope'",
}


@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
def test_what_cannot_be_run_is_one_line_before_a_model_is_loaded(name, reason, tmp_path):
    printed = emma_eval("run", "--tasks", f"lmms:{name}", "--output", tmp_path / "run", code=2)
    lines = [line for line in printed.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert reason in lines[0]
    assert "loading emma-mini" not in printed


def test_an_unreadable_image_fails_its_own_sample_alone(tmp_path):
    broken = plain_rows(3)
    broken[1]["image"] = {"bytes": b"no image", "path": None}
    write_task(tmp_path / "tasks", "ours_broken", broken, {})
    arguments = ["--tasks", "lmms:ours_broken", "--include-path", tmp_path / "tasks", "--output", tmp_path / "run"]
    printed = emma_eval("run", *arguments, code=1)
    assert "sample 1 failed, counted as wrong" in printed


def test_stop_texts_end_an_answer_in_both(tmp_path):
    changed = {"  temperature: 0": '  until: ["e", "o"]\n  temperature: 0'}
    write_task(tmp_path / "tasks", "ours_stopped", plain_rows(40), changed)
    name = ["--tasks", "ours_stopped", "--include_path", tmp_path / "tasks"]
    lmms_eval(tmp_path / "theirs", "emma", "--model_args", "pretrained=emma-mini", *name)
    emma_eval("run", "--tasks", "lmms:ours_stopped", "--include-path", tmp_path / "tasks", "--output", tmp_path / "run")
    theirs = [row["filtered_resps"] for row in rows(one(tmp_path / "theirs", "*_samples_*"))]
    ours = [row["parsed_answer"] for row in rows(tmp_path / "run" / "samples" / "lmms:ours_stopped.jsonl")]
    assert theirs == ours
    assert not any({"e", "o"} & set(text) for text in ours)


def test_a_task_of_ours_with_the_name_of_a_built_in_one_is_refused(tmp_path):
    write_task(tmp_path / "tasks", "pope", plain_rows(3), {})
    arguments = ["--tasks", "lmms:pope", "--include-path", tmp_path / "tasks", "--output", tmp_path / "run"]
    assert "has a task or group 'pope' of its own" in emma_eval("run", *arguments, code=2)
