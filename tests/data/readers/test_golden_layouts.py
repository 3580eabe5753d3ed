"""The readers take the golden sets as they lie there: official layouts, gzip, quirks of the data included."""

import gzip
import json
from collections import Counter
from dataclasses import replace

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.tasks.loading import load_task
from tests.shared import needs_shared, shared

GOLDEN = shared("golden")
pytestmark = needs_shared("golden")


def read(task, **files):
    paths = {key: GOLDEN / path for key, path in files.items()}
    return load_samples(load_task(task), files=paths, allow_partial=True)


def golden_json(path):
    with gzip.open(GOLDEN / f"{path}.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


def test_vqav2_keeps_annotation_order_and_raw_answers():
    samples = read("vqav2", questions="vqav2/questions.json", annotations="vqav2/annotations.json")
    rows = golden_json("vqav2/annotations.json")["annotations"]
    assert [sample.id for sample in samples] == [str(row["question_id"]) for row in rows]
    assert [sample.references for sample in samples] == [tuple(a["answer"] for a in row["answers"]) for row in rows]
    assert not any("answer_keys" in sample.meta for sample in samples)


def test_vqa_rows_that_repeat_an_id_or_lack_answer_ids_are_kept_apart():
    samples = read("vqav2", questions="vqav2/crafted_questions.json", annotations="vqav2/crafted_annotations.json")
    rows = golden_json("vqav2/crafted_annotations.json")["annotations"]
    assert len(samples) == len(rows) > len({row["question_id"] for row in rows})
    for sample, row in zip(samples, rows, strict=True):
        ids = [answer.get("answer_id") for answer in row["answers"]]
        told_apart = None not in ids and len(set(ids)) == len(ids)
        assert ("answer_keys" in sample.meta) == (not told_apart)


@pytest.mark.parametrize("language", ["en", "cn"])
def test_mmbench_questions_and_circular_rows_give_the_same_samples(language):
    plain = read(f"mmbench_{language}", questions=f"mmbench/{language}/questions.tsv")
    circular = read(f"mmbench_{language}", questions=f"mmbench/{language}/circular.tsv")
    assert [replace(s, images=()) for s in plain] == [replace(s, images=()) for s in circular]
    assert plain[0].images[0].open().size == circular[0].images[0].open().size == (1, 1)


def test_mmbench_options_end_at_the_first_missing_one():
    by_id = {sample.id: sample for sample in read("mmbench_en", questions="mmbench/en/questions.tsv")}
    holes = [s for s in by_id.values() if "passes" in s.meta]
    assert len(holes) == 22
    for sample in holes:
        choices, answer = sample.meta["passes"][0]
        assert sample.options == tuple(choices[letter] for letter in "ABCD"[: len(sample.options)])
        assert sample.references == (answer,)
        assert not set(choices.values()) & {"null", "None", "nan", "NA", "N/A"}


def test_mme_has_1187_pairs_in_14_subtasks():
    samples = read("mme", folder="mme/lavin_real")
    assert len({sample.id for sample in samples}) == 2374
    assert len({sample.category for sample in samples}) == 14
    pairs = Counter((sample.category, sample.meta["pair"], sample.meta["image"]) for sample in samples)
    assert set(pairs.values()) == {2}


def test_seed_answers_keep_their_blanks_and_types_their_names():
    samples = read("seed", questions="seed_bench/styled_annotation.json")
    rows = golden_json("seed_bench/styled_annotation.json")
    names = {number: name for name, number in rows["question_type"].items()}
    assert [s.category for s in samples] == [names[row["question_type_id"]] for row in rows["questions"]]
    assert [s.references for s in samples] == [(row["answer"],) for row in rows["questions"]]


def test_pope_is_numbered_over_the_three_files():
    files = {category: f"pope/coco_pope_{category}.json" for category in ("random", "popular", "adversarial")}
    samples = load_samples(load_task("pope"), files={key: GOLDEN / path for key, path in files.items()})
    assert [sample.id for sample in samples] == [str(n) for n in range(9000)]
    assert [samples[n].category for n in (0, 3000, 6000)] == ["random", "popular", "adversarial"]


def test_gqa_choices_are_optional():
    questions = "gqa/val_like/val_questions.json"
    with_choices = read("gqa", questions=questions, choices="gqa/val_like/val_choices.json")
    without = read("gqa", questions=questions)
    assert "valid" in with_choices[0].meta
    assert "valid" not in without[0].meta
    assert sum(not sample.meta["is_balanced"] for sample in without) > 0


def test_scienceqa_is_in_the_order_of_the_splits_file():
    samples = read(
        "scienceqa", problems="scienceqa/full_size/problems.json", splits="scienceqa/full_size/pid_splits.json"
    )
    assert [sample.id for sample in samples] == golden_json("scienceqa/full_size/pid_splits.json")["test"]
    assert sum(sample.meta["has_image"] for sample in samples) == sum(bool(sample.images) for sample in samples) == 1423
