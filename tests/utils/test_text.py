"""Names that were mistyped, and the ones that are likely meant."""

import pytest

from emma_eval.utils.text import closest, did_you_mean, slug

TASKS = [
    "gqa",
    "mmbench_cn",
    "mmbench_en",
    "mme",
    "mmmu",
    "pope",
    "pope_mini",
    "scienceqa",
    "seed",
    "seed_image",
    "vqav2",
]
OPTIONS = ["--limit", "--model", "--tasks", "--batch-size", "--output", "--data"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("POPE", "pope"),
        ("popee", "pope"),
        ("Pope-Mini", "pope_mini"),
        ("VQAv2", "vqav2"),
        ("MME", "mme"),
        ("seedbench", "seed"),
        ("SEED-Image", "seed_image"),
        ("sceinceqa", "scienceqa"),
    ],
)
def test_case_punctuation_and_single_letters_do_not_matter(name, meant):
    assert closest(name, TASKS) == meant


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("--task", "--tasks"),
        ("--batch_size", "--batch-size"),
        ("--output_path", "--output"),
        ("--split", None),
        ("--modle", "--model"),
        ("--temperature", None),
    ],
)
def test_dashes_make_no_options_alike(option, meant):
    assert closest(option, OPTIONS) == meant


def test_few_names_are_listed_and_many_are_not():
    assert did_you_mean("xyz", ["a", "b"]) == "; known: a, b"
    assert did_you_mean("xyz", [f"name{i}" for i in range(30)]) == ""


@pytest.mark.parametrize("name", ["..", ".", "../..", "-..-", "...", "/", ""])
def test_a_name_made_a_part_of_a_files_name_is_no_folder_above(name):
    assert slug(name) == "run"
