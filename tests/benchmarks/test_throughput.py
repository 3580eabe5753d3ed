"""throughput.py works and counts correctly; the speeds themselves depend on the machine and are not tested."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks import random_model, random_mplug_owl2, vqa_load
from benchmarks.throughput import Measurement, Scenario, main
from benchmarks.transformers_loop import generate_one_by_one
from benchmarks.work import operations, parameters
from emma_eval.data.loading import load_samples
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models import load_model
from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.loading import load_task
from emma_eval.types import InferenceStats


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> dict:
    output = tmp_path_factory.mktemp("throughput") / "throughput.json"
    assert main(["--small", "--device=cpu", "--requests=12", "--one-by-one=4", f"--output={output}"]) == 0
    return json.loads(output.read_text())


def test_the_record_names_hardware_versions_and_command(record: dict):
    assert record["command"].startswith("python benchmarks/")
    assert record["hardware"]["device"]
    assert record["hardware"]["peak_host_memory"] > 0
    assert {"torch", "transformers"} <= record["versions"].keys()


def test_every_way_is_compared_with_the_engine(record: dict):
    (scenario,) = record["scenarios"]
    engine, alone, plain = scenario["measured"]
    assert [one["requests"] for one in (engine, alone, plain)] == [12, 4, 4]
    for one in (engine, alone, plain):
        assert one["samples_per_second"] == pytest.approx(one["requests"] / one["seconds"])
        assert one["first_is_faster"] == pytest.approx(engine["samples_per_second"] / one["samples_per_second"])
        assert one["peak_share"] == pytest.approx(one["operations_per_second"] / scenario["matrix_rate"])
        assert one["stats"]["images"] == one["requests"]
        assert 0 <= one["idle_share"] < 1


def test_the_shares_of_the_device_time_add_up_to_one(record: dict):
    stages = record["scenarios"][0]["stages"]
    assert set(stages["device"]) == {"vision", "prefill", "generation", "waiting", "other"}
    assert sum(stages["device"].values()) == pytest.approx(1)
    assert set(stages["ahead"]) == {"decode", "preprocess"}


def test_a_missed_bar_fails():
    slow = Measurement("a", 1, 1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0, None, 0.0, InferenceStats())
    assert Scenario("", "", 2.0, 0.5, (slow, replace(slow, first_is_faster=5.0, bar=5.0)), {}).passes
    assert not Scenario("", "", 2.0, 0.6, (slow,), {}).passes
    assert not Scenario("", "", 2.0, None, (slow, replace(slow, first_is_faster=4.9, bar=5.0)), {}).passes


@pytest.mark.parametrize(("name", "task"), [("emma-mini", "scienceqa_mini"), ("llava-mini", "pope_mini")])
def test_the_plain_loop_answers_as_the_engine_does(name: str, task: str):
    model = load_model(name, device="cpu", dtype="float32")
    loaded = load_task(task)
    requests = list(build_requests(loaded, load_samples(loaded, limit=6)))
    stats, plain = InferenceStats(), InferenceStats()
    ours = {index: response.text for index, response in run_requests(BatchedEngine(model), requests, stats)}
    assert generate_one_by_one(model, requests, plain) == ours
    assert (plain.prompt_tokens, plain.new_tokens) == (stats.prompt_tokens, stats.new_tokens)


def test_the_full_model_has_the_published_number_of_parameters():
    model = random_model.build(random_model.FULL, "meta", torch.bfloat16, random_model.tokenizer())
    assert model.model.alignment is not None
    assert parameters(model.model.llama) == 6_738_415_616
    assert parameters(model.model.projector) == 20_979_712
    assert parameters(model.model.alignment) == 1_164_160


def test_the_full_mplug_owl2_has_the_published_number_of_parameters():
    model = random_mplug_owl2.build(random_mplug_owl2.FULL, "meta", torch.bfloat16, random_mplug_owl2.tokenizer()).model
    assert parameters(model.vision) == 303_966_208
    assert parameters(model.abstractor) == 81_473_536
    assert parameters(model.llama) == 7_812_419_584  # 1,074,003,968 of them for images
    assert parameters(model) == 8_197_859_328


def test_a_token_of_mplug_owl2_costs_what_one_of_llama_does():
    model = random_mplug_owl2.build(random_mplug_owl2.FULL, "meta", torch.bfloat16, random_mplug_owl2.tokenizer())
    assert operations(model, InferenceStats(computed_tokens=1), requests=0) == 2 * 6_738_415_616
    an_image = operations(model, InferenceStats(images=1), requests=0)
    assert an_image == pytest.approx(2 * (304e6 * 1025 + 12.6e6 * 1089 + 69e6 * 64), rel=0.01)


def test_a_sample_costs_nine_teraflop():
    model = random_model.build(random_model.FULL, "meta", torch.bfloat16, random_model.tokenizer())
    one = operations(model, InferenceStats(computed_tokens=640, new_tokens=1, images=1), requests=1)
    assert one == pytest.approx(
        2 * 6.74e9 * 640 + 0.35e12 * 23 / 24, rel=0.002
    )  # the last of CLIP's blocks is not read


def test_photographs_are_distinct_and_as_large_as_those_of_coco(tmp_path: Path):
    images = vqa_load.photographs(tmp_path, 3)
    assert all(Image.open(image.path).size == (640, 480) for image in images)
    sizes = [image.path.stat().st_size for image in images]
    assert all(one != other for one, other in pairwise(sizes))
    assert all(50_000 < size < 250_000 for size in sizes)


def test_prompts_have_about_sixty_text_tokens_and_answers_up_to_eight(tmp_path: Path):
    words = random_model.tokenizer()
    requests = vqa_load.requests(vqa_load.photographs(tmp_path, 50, (8, 6)))
    lengths = [len(words.encode_prompt(render_prompt(request.message))) - 1 for request in requests]
    assert sum(lengths) / len(lengths) == pytest.approx(60, abs=4)
    assert {request.max_new_tokens for request in requests} == set(range(1, 9))
