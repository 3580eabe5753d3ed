"""The tasks that ship: all valid, asked and scored as the benchmarks' reference files say."""

import json
import re

import pytest

from emma_eval.cli.main import main
from emma_eval.scorers import get_scorer
from emma_eval.tasks.index import (
    expand_tasks,
    extra_task_folders,
    group_remarks,
    task_groups,
    task_names,
    tasks_folder,
)
from emma_eval.tasks.loading import load_task
from emma_eval.tasks.schema import json_schema

WORD = "Answer the question using a single word or phrase."
LETTER = "Answer with the option's letter from the given choices directly."

# n and suffix as the published evaluation has them
REFERENCE = {
    "vqav2": (214354, WORD),
    "vqav2_testdev": (107394, WORD),
    "gqa": (12578, WORD),
    "vizwiz": (4319, f"When the provided information is insufficient, respond with 'Unanswerable'.\n{WORD}"),
    "vizwiz_test": (8000, f"When the provided information is insufficient, respond with 'Unanswerable'.\n{WORD}"),
    "scienceqa": (4241, LETTER),
    "mmbench_en": (1176, LETTER),
    "mmbench_cn": (1164, "请直接回答选项字母。"),
    "mme": (2374, WORD),
    "seed": (19242, LETTER),
    "seed_image": (14233, LETTER),
    "seed_video": (5009, LETTER),
    "pope": (9000, WORD),
    "easy_vqa": (9673, WORD),
}

# The wider list. Its default protocols have other names where there is no official tool, or only one that asks a model.
WIDER = {
    "okvqa": (5046, WORD),
    "textvqa": (5000, WORD),
    "textvqa_ocr": (5000, WORD),
    "mmmu": (900, LETTER),
    "mmmu_pasted": (900, LETTER),
    "muirbench": (2600, "Answer with the option's letter {letters} directly ."),
    "muirbench_pasted": (2600, "Answer with the option's letter {letters} directly ."),
    "mathvista": (1000, ""),
    "mathvista_emma": (1000, ""),
    "amber_discriminative": (14216, "Answer with yes or no"),
    "amber_generative": (1004, ""),
    "amber_objects_emma": (10514, "Answer with yes or no"),
    "foil": (99480, LETTER),
    "mmvp": (300, LETTER),
    "qbench": (1495, LETTER),
    "abench": (None, LETTER),
    "coco_caption": (5000, ""),
    "nocaps": (4500, ""),
    "flickr30k": (1000, ""),
    "hallusionbench": (951, "Please answer yes or no."),
    "hallusionbench_full": (1129, "Please answer yes or no."),
    "mmvet": (218, ""),
    "llava_bench": (60, ""),
}


@pytest.mark.parametrize("name", task_names())
def test_every_task_is_valid_and_its_scorers_exist(name):
    task = load_task(name)
    for protocol in task.protocols.values():
        get_scorer(protocol.scorer, **protocol.options)


@pytest.mark.parametrize("name", REFERENCE)
def test_count_and_suffix(name):
    task = load_task(name)
    count, suffix = REFERENCE[name]
    assert count in task.expected.samples
    assert task.prompt.suffix == suffix
    assert task.prompt.instruction == "first_line"
    assert task.protocol == "official"


@pytest.mark.parametrize("name", WIDER)
def test_count_and_suffix_of_the_wider_list(name):
    task = load_task(name)
    count, suffix = WIDER[name]
    assert count in task.expected.samples if count else task.expected.in_words == "?"
    assert task.prompt.suffix == suffix


@pytest.mark.parametrize("name", ["amber_discriminative", "mmmu", "muirbench", "mathvista", "foil", "mmvp", "qbench"])
def test_emmas_own_count_has_a_name_where_it_is_another(name):
    assert "emma" in load_task(name).protocols


def test_a_protocol_may_count_by_another_metric():
    task = load_task("amber_discriminative")
    assert (task.primary_metric(), task.primary_metric("emma")) == ("f1", "accuracy")
    assert task.scorer_config("emma").options == {}


@pytest.mark.parametrize(
    ("name", "count"), [("pope", 8910), ("seed", 17990), ("seed_video", 3757), ("mmbench_en", 1164)]
)
def test_other_releases_that_users_have_are_whole_too(name, count):
    """POPE with 2,910 random questions (LLaVA's guide links to it), SEED-Bench's later file, MMBench's later file."""
    assert count in load_task(name).expected.samples


def test_only_mmbench_is_circular():
    assert {name for name in REFERENCE if load_task(name).circular} == {"mmbench_en", "mmbench_cn"}


def test_long_answers_are_allowed_where_the_reference_scripts_allow_them():
    long = {name for name in REFERENCE if load_task(name).generation.max_new_tokens == 1024}
    assert long == {"scienceqa", "mmbench_en", "mmbench_cn"}


def test_groups():
    groups = task_groups()
    assert groups["hallucination"] == ["pope", "amber_discriminative", "amber_generative", "foil", "hallusionbench"]
    assert expand_tasks(["pope", "general", "pope"]) == ["pope", "vqav2", "gqa", "vizwiz", "scienceqa"]
    assert groups["core"] == [*groups["general"], *groups["mllm"], "pope"]
    assert groups["public"] == [*groups["core"], *groups["wider"]]


def test_public_is_every_benchmark_that_is_scored_here_once():
    """Without the suites, tasks that ask another's questions in another way, parts, and those without references."""
    groups = task_groups()
    other = {*groups["mini"], *groups["emma_scripts"], *groups["server"], *groups["judged"], "easy_vqa"}
    parts = {"seed_image", "seed_video", "hallusionbench_full"}
    assert set(groups["public"]) == set(task_names()) - other - parts


def test_an_old_name_of_a_group_works_and_says_what_it_is_called_today(tmp_path, capsys):
    assert expand_tasks(["all"]) == task_groups()["core"]
    assert main(["data", "status", "all", "--data", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert told.err == f"note: the group all is called core today: {', '.join(task_groups()['core'])}\n"
    assert "vqav2" in told.out
    assert main(["data", "status", "hallucination", "pope", "--data", str(tmp_path)]) == 0
    assert "before, it was pope alone" in capsys.readouterr().err
    assert main(["data", "status", "core", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


def test_a_group_of_your_own_may_have_an_old_name(tmp_path):
    (tmp_path / "groups.yaml").write_text("all: [pope]\n")
    with extra_task_folders([tmp_path]):
        assert expand_tasks(["all"]) == ["pope"]
        assert group_remarks(["all"]) == []


def test_nothing_is_written_twice():
    bodies = [re.sub(r"^#.*\n", "", path.read_text("utf-8"), flags=re.M) for path in tasks_folder().glob("*.yaml")]
    assert len(set(bodies)) == len(bodies)


def test_the_schema_knows_every_key_and_reader():
    schema = json.loads(json.dumps(json_schema()))
    assert {"extends", "reader", "files", "protocols", "expected"} <= set(schema["properties"])
    assert "name" not in schema["properties"]
    assert schema["additionalProperties"] is False
    assert "vqa_json" in schema["properties"]["reader"]["enum"]
