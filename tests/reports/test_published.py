"""`results/published.yaml` holds the whole collection that it comes from, and chooses among sources as documented."""

import pytest
import yaml

from emma_eval.errors import UserError
from emma_eval.reports.published import PublishedColumn, load_published
from tests.shared import needs_shared, shared

COLLECTION = "published_scores.yaml"


@pytest.fixture(scope="module")
def published():
    return load_published()


@pytest.fixture(scope="module")
def collection():
    return yaml.safe_load(shared(COLLECTION).read_text(encoding="utf-8"))


@needs_shared(COLLECTION)
def test_no_score_source_or_note_of_the_collection_is_lost(published, collection):
    given = [
        (
            *(s[key] for key in ("model", "benchmark", "split", "metric", "value", "unit")),
            *(s["source"][key] for key in ("ref", "where", "as_reported_by")),
            s.get("note", ""),
        )
        for s in collection["scores"]
    ]
    kept = [
        (
            *(getattr(s, key) for key in ("model", "benchmark", "split", "metric", "value", "unit")),
            *(published.sources[s.source], s.where, s.reported_by, s.note),
        )
        for s in published.scores
    ]
    assert kept == given


@needs_shared(COLLECTION)
def test_no_remark_model_or_gap_of_the_collection_is_lost(published, collection):
    kept = [(remark.item, " ".join(remark.reason.split())) for remark in published.remarks]
    assert kept == [(remark["item"], " ".join(remark["reason"].split())) for remark in collection["remarks"]]
    assert [model.model_dump() for model in published.models] == collection["models"]
    assert list(published.missing) == collection["missing"]


def test_every_column_finds_scores_and_every_word_it_accepts_is_used(published):
    for column in published.columns:
        same = [score for score in published.scores if score.benchmark == column.benchmark]
        taken = [score for score in same if score.split in column.splits and score.metric in column.metrics]
        assert taken, column
        assert {score.split for score in taken} == set(column.splits), column
        assert {score.metric for score in taken} == set(column.metrics), column
        assert {score.unit for score in taken} == {column.unit}, column


def test_no_score_stands_in_two_columns(published):
    for score in published.scores:
        holders = [
            column
            for column in published.columns
            if (score.benchmark == column.benchmark and score.split in column.splits and score.metric in column.metrics)
        ]
        assert len(holders) <= 1, (score, holders)


def test_every_remark_that_names_scores_finds_some(published):
    for remark in published.remarks:
        for scope in remark.about:
            assert any(scope.matches(score) for score in published.scores), remark.item


def column(published, benchmark: str, split: str) -> PublishedColumn:
    return next(c for c in published.columns if (c.benchmark, c.split) == (benchmark, split))


def test_the_models_own_paper_is_preferred_and_who_disagrees_is_kept(published):
    chosen = published.choose("llava-1.5-7b", column(published, "MME", "perception"))
    assert chosen is not None
    assert (chosen.score.value, chosen.score.reported_by) == (1510.7, "original paper")
    assert {other.value for other in chosen.disagreeing} == {1490, 1506.2, 1373.46, 1509.3788}


def test_a_source_that_agrees_is_no_disagreement(published):
    chosen = published.choose("llava-1.5-7b", column(published, "VQAv2", "test-dev"))
    assert chosen is not None
    assert (chosen.score.value, chosen.disagreeing) == (78.5, ())


def test_measured_columns_name_metrics_of_shipped_tasks(published):
    from emma_eval.tasks.index import task_names
    from emma_eval.tasks.loading import load_task

    tasks = {(task.benchmark, task.split): task for task in map(load_task, task_names())}
    for one in published.columns:
        for selector in one.measured:
            task = tasks[selector.benchmark, selector.split]
            assert task.judge if selector.judge else selector.protocol in task.protocols


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "line 2, column 1"), ("rows: 3", "about is missing"), ("[]", "a mapping of keys")],
)
def test_a_broken_file_is_named(tmp_path, text, words):
    path = tmp_path / "published.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"published\.yaml.*({words})"):
        load_published(path)


@pytest.mark.parametrize(
    ("benchmark", "split", "metric", "value"),
    [
        ("VQAv2", "test-dev", "accuracy", 79.4),
        ("OK-VQA", "val", "accuracy", 57.7),
        ("GQA", "test-balanced", "accuracy", 56.1),
        ("VizWiz", "test-dev", "accuracy", 54.5),
        ("TextVQA", "val, no OCR input", "VQA accuracy", 54.3),
        ("TextVQA", "val, with OCR input", "VQA accuracy", 58.2),
        ("ScienceQA-IMG", "test", "accuracy", 68.7),
        ("COCO caption", "Karpathy test", "CIDEr", 137.3),
        ("Flickr30k caption", "Karpathy test", "CIDEr", 85.1),
        ("MME", "perception", "score", 1450.19),
        ("MMBench-EN", "test", "circular accuracy", 64.5),
        ("MMBench-EN", "dev", "circular accuracy", 65.4),
        ("MM-Vet", "test", "GPT-4 score", 36.2),
        ("SEED-Bench", "all", "accuracy", 57.8),
        ("Q-Bench", "test", "accuracy", 62.9),
        ("MMMU", "val", "accuracy", 32.7),
        ("POPE", "random", "F1", 87.85),
        ("POPE", "popular", "F1", 85.6),
        ("POPE", "adversarial", "F1", 83.8),
    ],
)
def test_what_mplug_owl2s_paper_reports_stands_in_a_column(published, benchmark, split, metric, value):
    """Splits and metrics of its Table 16; MMHal-Bench, which no task asks, is the one left out."""
    key = (benchmark, split, metric)
    (of,) = (one for one in published.columns if (one.benchmark, one.split, one.metric) == key)
    assert published.choose("mplug-owl2", of).score.value == value
