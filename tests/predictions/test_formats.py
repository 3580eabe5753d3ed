"""Every cell of the table in docs/predictions.md: a benchmark's answers in a format give each sample its own answer."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.errors import UserError
from emma_eval.predictions import read_predictions
from emma_eval.predictions.join_strategies import PassCounts
from emma_eval.tasks.loading import load_task
from tests.prediction_formats import Given, lmms_eval, pope_official
from tests.predictions.cells import BENCHMARKS, FORMATS, table

CELLS = [
    pytest.param(benchmark, cell, id=f"{benchmark.task}, {name}")
    for benchmark in BENCHMARKS
    for name, cell in zip(FORMATS, benchmark.cells, strict=True)
    if cell
]


def given_of(benchmark, root):
    made = benchmark.make(root)
    task = load_task(benchmark.task)
    samples = load_samples(task, root, allow_partial=True)
    passes = PassCounts(samples, task)
    texts = {(s.id, r): f"answer {s.id} {r}" for s in samples for r in range(passes.count(s.id))}
    return Given(task, samples, texts, made.rows if made else [])


def write(folder, cell, given):
    if cell.name != "folder":
        path = folder / cell.name
        path.write_text(cell.write(given), encoding="utf-8")
        return path
    results = folder / "results"
    results.mkdir()
    for sample, _, text in given.keyed():
        with (results / f"{sample.category}.txt").open("a") as file:
            file.write(f"{sample.meta['image']}\t{sample.question}\tYes\t{text}\n")
    return results


def read(path, given, **more):
    predictions = read_predictions(path, given.samples, given.task, **more)
    return {key: answer.text for key, answer in predictions.answers.items()}


@pytest.mark.parametrize(("benchmark", "cell"), CELLS)
def test_each_sample_has_its_own_answer(benchmark, cell, tmp_path):
    given = given_of(benchmark, tmp_path)
    assert read(write(tmp_path, cell, given), given) == given.texts


@pytest.mark.parametrize(("benchmark", "cell"), CELLS)
def test_the_order_of_the_rows_says_nothing(benchmark, cell, tmp_path):
    if cell.write in (pope_official, lmms_eval):  # the one has no ids, the other's order is that of the hub
        return
    given = given_of(benchmark, tmp_path)
    shuffled = random.Random(7).sample(list(given.texts.items()), len(given.texts))
    assert read(write(tmp_path, cell, replace(given, texts=dict(shuffled))), given) == given.texts


@pytest.mark.parametrize(("benchmark", "cell"), CELLS)
def test_a_question_of_other_data_is_refused(benchmark, cell, tmp_path):
    given = given_of(benchmark, tmp_path)
    path = write(tmp_path, cell, given)
    asked = next((sample.question for sample in given.samples if sample.question), "")
    if path.is_dir() or not asked or json.dumps(asked)[1:-1] not in (text := path.read_text()):
        return
    path.write_text(text.replace(json.dumps(asked)[1:-1], "Who wrote this?"))
    with pytest.raises(UserError) as caught:
        read(path, given)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_documentation_is_this_table():
    docs = Path(__file__).parents[2] / "docs" / "predictions.md"
    assert table() in docs.read_text(encoding="utf-8"), f"paste into docs/predictions.md:\n{table()}"


def test_every_benchmark_of_the_registry_has_a_row():
    from emma_eval.tasks.index import task_names

    known = {load_task(name).benchmark for name in task_names()}
    documented = {load_task(one.task).benchmark for one in BENCHMARKS}
    # of one reader and one layout with a benchmark that has a row; easy_vqa's data are a package
    like = {"okvqa", "mmbench_cn", "flickr30k", "easy_vqa"} | {name for name in known if name.endswith("_mini")}
    assert known - like == documented
