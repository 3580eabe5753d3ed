"""Every request is the one that EMMA's (899b6ae) and LLaVA's (c121f04) own evaluation scripts made of the same files.

`expected.jsonl` holds what was recorded while they ran on the invented questions in `data.tar.xz`: prompt and CLIP
instruction decoded from the ids given to `generate`, the images' sizes, hashes of their pixels and names.
"""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.loading import load_task

HERE = Path(__file__).parent
RECORDED = [json.loads(line) for line in (HERE / "expected.jsonl").read_text(encoding="utf-8").split("\n") if line]
TASKS = sorted({one["task"] for one in RECORDED})
AS_EMMAS_SCRIPT = {"mmbench_en": "mmbench_en_emma", "mmbench_cn": "mmbench_cn_emma"}

MISSING_OPTIONS = (
    "of a question whose options have one that reads as missing among them, EMMA's script shows those before it alone, "
    "the right one perhaps not among them; the official circular file keeps all others, and their letters"
)
NOT_FOLLOWED = {
    (task, sample, pass_index): MISSING_OPTIONS
    for task in AS_EMMAS_SCRIPT
    for sample, pass_index in (("8", 1), ("8", 2), ("10", 0), ("12", 1), ("12", 2))
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    with tarfile.open(HERE / "data.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "data"


def requests(task, data):
    config = load_task(task)
    samples = load_samples(config, data, allow_partial=True, need_images=True)
    return {request.key: request for request in build_requests(config, samples)}


def facts(image):
    pixels = image.open().convert("RGB")
    return {"size": list(pixels.size), "sha": hashlib.sha256(pixels.tobytes()).hexdigest()[:16]}


def assert_as_recorded(request, recorded):
    assert render_prompt(request.message) == recorded["prompt"]
    if recorded["instruction"] is not None:  # the script has a CLIP text encoder
        assert request.instruction == recorded["instruction"]
    assert request.max_new_tokens == recorded["max_new_tokens"]
    assert [facts(image) for image in request.images] == [
        {"size": image["size"], "sha": image["sha"]} for image in recorded["images"]
    ]
    for image, shown in zip(request.images, recorded["images"], strict=True):
        assert image.name.endswith(shown.get("name", ""))


def test_all_292_are_here():
    assert (len(RECORDED), len(TASKS)) == (292, 21)


@pytest.mark.parametrize("task", TASKS)
def test_requests_are_those_of_the_models_own_scripts(task, data):
    asked = requests(task, data)
    for one in RECORDED:
        key = one["sample"], one["round"]
        if one["task"] == task and (task, *key) not in NOT_FOLLOWED:
            assert_as_recorded(asked[key], one)


@pytest.mark.parametrize(("task", "emmas"), AS_EMMAS_SCRIPT.items())
def test_what_is_not_followed_is_asked_by_the_task_that_asks_as_emmas_script(task, emmas, data):
    """Its own file may have any number of rows; of these, each is a question of one row."""
    recorded = {(one["sample"], one["round"]): one for one in RECORDED if one["task"] == task}
    asked = requests(emmas, data)
    assert asked.keys() == recorded.keys()
    for key, one in recorded.items():
        assert_as_recorded(asked[key], one)


def test_what_is_not_followed_would_differ(data):
    """Or it need not stand in the list."""
    recorded = {(one["task"], one["sample"], one["round"]): one for one in RECORDED}
    for task in AS_EMMAS_SCRIPT:
        asked = requests(task, data)
        for key in NOT_FOLLOWED:
            if key[0] == task:
                assert render_prompt(asked[key[1:]].message) != recorded[key]["prompt"]


def test_emmas_script_turns_each_row_of_the_circular_file_again(data):
    """28 rows of 9 questions: a row of four options is asked four times, so that such a question is asked 16 times."""
    asked = requests("mmbench_en_emma", data / "circular")
    rows = [sample for sample, pass_index in asked if pass_index == 0]
    assert len(rows) == 28
    assert len(asked) == 16 * 4 + 9 * 2 + 4 * 3
    assert "A. two\nB. three\nC. four\nD. one\n" in asked["1", 1].message
    assert asked["1", 1].message == asked["3000001", 0].message
