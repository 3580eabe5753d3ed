"""`report --model-card`: what the hub's own library reads from the card, and what an existing card keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from emma_eval.reports.model_card import updated_card, write_model_card
from emma_eval.results.judged import JudgeRecord
from emma_eval.results.scores import Counts, Interval, TaskScores
from tests.fakes import metric, run_pope, scored_run, task_scores, write_pope

CARD = Path("README.md")


def write_run(folder: Path, *tasks, **model) -> Path:
    folder.mkdir(exist_ok=True)
    run = scored_run(*tasks, **model)
    (folder / "scores.json").write_text(run.scores.model_dump_json())
    return folder


def gqa(value: float = 62.017808872634, **changes):
    accuracy = metric("accuracy", value).model_copy(update={"interval": Interval(low=61.2, high=62.9)})
    breakdown = metric("accuracy", 70.0, group="steps", category="2")
    return task_scores("gqa", "testdev-balanced", accuracy, breakdown, **{"title": "GQA (test-dev balanced)"} | changes)


def mmbench(name: str = "mmbench_en", value: float = 0.64):
    return task_scores(name, "dev", metric("accuracy", value, "fraction"))


def results(path: Path) -> list[EvalResult]:
    return ModelCard.load(path).data.eval_results


def test_the_hub_library_reads_back_what_scores_json_holds(tmp_path):
    run = write_run(tmp_path / "run", gqa(), mmbench())
    path = write_model_card([run], tmp_path / "README.md")
    card = ModelCard.load(path)
    assert card.data.model_name == "my-emma"
    first, second = card.data.eval_results  # breakdowns are left out
    assert (first.task_type, first.metric_type, first.metric_value) == (
        "image-text-to-text",
        "accuracy",
        62.017808872634,
    )
    assert (first.dataset_type, first.dataset_name) == ("lmms-lab-encoder/GQA", "GQA (test-dev balanced)")
    assert (first.dataset_config, first.dataset_split) == ("testdev_balanced_instructions", "testdev")
    assert first.dataset_revision is None  # no manifest says that the questions came from the hub
    assert first.metric_args["interval_95"] == [61.2, 62.9]
    assert (first.metric_args["protocol"], first.metric_args["samples"]) == ("official", 12578)
    assert (second.metric_value, second.metric_args["unit"]) == (64.0, "percent")  # a fraction in scores.json


def test_the_commit_is_named_where_the_hub_gave_the_questions(tmp_path):
    from emma_eval.results import manifest

    write_pope(tmp_path)
    run_pope(tmp_path, tmp_path / "run")
    written = manifest.read_manifest(tmp_path / "run")
    facts = written.tasks["pope"].model_copy(update={"data": {"hub": f"lmms-lab-encoder/POPE at commit {'ab' * 20}"}})
    manifest.write_manifest(tmp_path / "run", written.model_copy(update={"tasks": {"pope": facts}}))
    scores = (tmp_path / "run" / "scores.json").read_text()
    (tmp_path / "run" / "scores.json").write_text(scores.replace('"complete": false', '"complete": true'))
    (first, *_) = results(write_model_card([tmp_path / "run"], tmp_path / "card.md"))
    assert (first.dataset_type, first.dataset_revision) == ("lmms-lab-encoder/POPE", "ab" * 20)
    assert first.metric_args["version"] == written.sessions[-1].versions["emma_eval"]


def test_a_task_without_a_data_set_on_the_hub_is_named_by_its_file(tmp_path):
    run = write_run(tmp_path / "run", task_scores("my_quiz", "all", metric("accuracy", 50.0)))
    (found,) = results(write_model_card([run], tmp_path / "card.md"))
    assert (found.dataset_type, found.dataset_split) == ("my_quiz", "all")


def test_two_tasks_on_one_data_set_stay_apart(tmp_path):
    run = write_run(tmp_path / "run", mmbench("mmbench_en", 0.64), mmbench("mmbench_en_emma", 0.73))
    found = results(write_model_card([run], tmp_path / "card.md"))
    assert [(result.metric_args["task"], result.metric_value) for result in found] == [
        ("mmbench_en", 64.0),
        ("mmbench_en_emma", 73.0),
    ]
    assert len({result.metric_name for result in found}) == 2


EXISTING = """\
---
license: apache-2.0   # ours
language: [en]
model-index:
- name: emma-7b
  results:
  - task: {type: text-generation}
    dataset: {name: MMLU, type: cais/mmlu}
    metrics:
    - {type: acc, value: 50.5}
# what it was trained on
datasets:
- liuhaotian/LLaVA-Instruct-150K
---
# EMMA

Text of ours, with [links](x) and  two blanks.
"""


def test_an_existing_card_keeps_its_other_metadata_and_text(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(EXISTING)
    write_model_card([write_run(tmp_path / "run", gqa())], path)
    text = path.read_text()
    assert text.startswith("---\nlicense: apache-2.0   # ours\nlanguage: [en]\nmodel-index:\n")
    assert (
        "\n# what it was trained on\ndatasets:\n- liuhaotian/LLaVA-Instruct-150K\n---\n# EMMA\n\nText of ours, with"
        in text
    )
    data = ModelCard.load(path).data
    assert data.model_name == "emma-7b"  # a card is of one model
    assert [result.metric_value for result in data.eval_results] == [50.5, 62.017808872634]
    assert (data.license, data.datasets) == ("apache-2.0", ["liuhaotian/LLaVA-Instruct-150K"])


def test_writing_again_changes_nothing_and_a_new_run_replaces_the_old(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(EXISTING + "\nThe end.\n")
    run = write_run(tmp_path / "run", gqa())
    first = write_model_card([run], path).read_bytes()
    assert write_model_card([run], path).read_bytes() == first
    write_model_card([write_run(tmp_path / "run", gqa(63.5))], path)
    text = path.read_text()
    assert text.count("## Results") == 1
    assert "62.0" not in text
    assert [result.metric_value for result in results(path)] == [50.5, 63.5]


def test_text_behind_the_section_stays_behind_it():
    card = updated_card("", [scored_run(gqa())], CARD) + "\nwritten by hand\n"
    assert updated_card(card, [scored_run(gqa(60.0))], CARD).endswith("results: end -->\n\nwritten by hand\n")


def test_windows_line_ends_stay():
    card = EXISTING.replace("\n", "\r\n")
    text = updated_card(card, [scored_run(gqa())], CARD)
    assert text.count("\n") == text.count("\r\n")
    assert ModelCard(text).data.eval_results[1].metric_value == 62.017808872634


def test_results_of_several_models_in_one_card_stay_apart():
    two = "---\nmodel-index:\n- name: a\n  results: []\n- name: b\n  results: []\n---\n"
    text = updated_card(two, [scored_run(gqa(), name="b")], CARD)
    assert [entry["name"] for entry in _index(text)] == ["a", "b"]
    assert [len(entry["results"]) for entry in _index(text)] == [0, 1]
    third = updated_card(two, [scored_run(gqa(), name="c")], CARD)
    assert [entry["name"] for entry in _index(third)] == ["a", "b", "c"]


def _index(card: str):
    import yaml

    return yaml.safe_load(card.split("---\n")[1])["model-index"]


def test_the_table_says_interval_size_and_what_failed(tmp_path):
    counts = Counts(samples=12578, answered=12570, failed=8, missing=0)
    run = write_run(tmp_path / "run", gqa(counts=counts))
    text = write_model_card([run], tmp_path / "card.md").read_text()
    (row,) = (line for line in text.splitlines() if line.startswith("| GQA (test-dev balanced)"))
    assert [cell.strip() for cell in row.split("|")[2:5]] == ["accuracy", "62.0", r"\[61.2, 62.9\]"]
    assert "8 samples of 12,578 without an answer, counted as wrong" in text


def test_a_hostile_name_stays_a_name(tmp_path):
    name = "x\n---\n<script> |: [*]"
    run = write_run(tmp_path / "run", gqa(title="G|<b>\n## no"), name=name)
    path = write_model_card([run], tmp_path / "card.md")
    card = ModelCard.load(path)
    assert card.data.model_name == "x --- <script> |: [*]"
    assert "<script>" not in card.text
    assert "\n## no" not in card.text


@pytest.mark.parametrize(
    ("tasks", "complaint"),
    [
        ((gqa(complete=False),), "the task gqa was not asked whole"),
        ((task_scores("gqa", "x", metric("m", 1.0), metrics=()),), "holds no scored task"),
    ],
)
def test_what_is_no_score_of_a_benchmark_is_refused(tasks, complaint):
    with pytest.raises(UserError, match=complaint):
        updated_card("", [scored_run(*tasks)], CARD)


def test_scores_of_two_judges_stay_apart_and_name_them():
    def judged(value: float, name: str) -> TaskScores:
        facts = {"host": "h", "prompt": "p", "fingerprint": name[-1] * 64, "answers": "a", "verdicts": 1}
        judge = JudgeRecord(name=name, **facts, unparsed=0, prompt_tokens=0, new_tokens=0)
        return task_scores("mmvet", "test", metric("total", value), judge=judge)

    unscored = task_scores("mmvet", "test", metric("total", 1.0), metrics=())
    runs = [scored_run(one, folder=f"run/judged/{i}") for i, one in enumerate((judged(31.0, "a"), judged(40.0, "b")))]
    text = updated_card("", [scored_run(unscored), *runs], CARD)
    found = ModelCard(text).data.eval_results
    assert [(one.metric_value, one.metric_args["judge"]) for one in found] == [
        (31.0, "judged by a (aaaaaaaa)"),
        (40.0, "judged by b (bbbbbbbb)"),
    ]
    assert "official, judged by a (aaaaaaaa)" in text


def test_runs_of_two_models_or_of_one_task_twice_are_refused():
    with pytest.raises(UserError, match="is of another model than a"):
        updated_card("", [scored_run(gqa(), folder="a"), scored_run(mmbench(), folder="b", weights="other")], CARD)
    with pytest.raises(UserError, match="a and b both have the task gqa"):
        updated_card("", [scored_run(gqa(), folder="a"), scored_run(gqa(), folder="b")], CARD)


LAUGHS = "\n".join(  # each line says the line before ten times
    f"a{line}: &a{line} [{', '.join([f'*a{line - 1}' if line else 'ha'] * 10)}]" for line in range(12)
)


@pytest.mark.parametrize(
    ("card", "complaint"),
    [
        ("---\nlicense: [\n---\n", "its metadata is not YAML"),
        ("---\n- a\n---\n", "its metadata is no mapping"),
        ("---\nmodel-index:\n- name: a\n---\n", "its model-index cannot be read: 'results'"),
        ("---\nmodel-index: 3\n---\n", "its model-index cannot be read"),
        (
            "---\nmodel-index: &x []\nother: *x\n---\n",
            "once its model-index is replaced: found undefined alias 'x'",
        ),
        ("---\nlicense: mit\n---\n<!-- emma-eval results: begin -->\n", "each must stand once"),
        (f"---\na: {'[' * 100_000}\n---\n", "nested too deep"),
        (f"---\n{LAUGHS}\n---\n", "aliases that make more than 1,000,000 values"),
        ("---\na: !!python/object/apply:os.system [touch x]\n---\n", "its metadata is not YAML"),
    ],
)
def test_a_card_that_cannot_be_updated_is_left_alone(card, complaint, tmp_path, capsys):
    path = tmp_path / "README.md"
    path.write_text(card)
    run = write_run(tmp_path / "run", gqa())
    assert main(["report", str(run), "--model-card", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert complaint in error
    assert path.read_text() == card


def test_the_command_writes_the_card_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "run", gqa())
    assert main(["report", str(run), "--model-card", "card.md"]) == 0
    assert capsys.readouterr().out == "card.md\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.md", "run"]
    assert main(["report", str(run), "--model-card", "."]) == 2
    assert "is a folder: a file is expected" in capsys.readouterr().err


def test_a_card_made_by_the_library_is_updated():
    made = str(ModelCard(f"---\n{ModelCardData(license='mit', tags=['vlm']).to_yaml()}\n---\n# x\n"))
    data = ModelCard(updated_card(made, [scored_run(gqa())], CARD)).data
    assert (data.license, data.tags, len(data.eval_results)) == ("mit", ["vlm"], 1)
