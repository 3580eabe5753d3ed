"""AMBER against its inference.py, and against EMMA's eval_amber.py."""

import json

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.scorers.amber_generative import describe, measures
from emma_eval.types import Sample
from tests.golden.files import answers_of, breakdown, overall, read_json, read_lines, samples_of

# our (group, category) of each block that the tool prints
BLOCKS = {
    "Descriminative Task": ("", ""),
    "Exsitence": ("dimension", "existence"),
    "Attribute": ("dimension", "attribute"),
    "State": ("attribute", "state"),
    "Number": ("attribute", "number"),
    "Action": ("attribute", "action"),
    "Relation": ("dimension", "relation"),
}


@pytest.fixture
def folder(golden):
    return golden("amber")


@pytest.fixture
def read(folder, tmp_path):
    """Samples of queries, with the annotations that are there, both as the official JSON lists."""

    def samples(queries, reader="amber_json", first=1005):
        annotations = read_lines(folder, "annotations_discriminative.jsonl")
        if first == 1:
            annotations = read_lines(folder, "generative_core_annotations.jsonl") + annotations
        (tmp_path / "queries.json").write_text(json.dumps(queries))
        (tmp_path / "annotations.json").write_text(json.dumps(annotations))
        return samples_of(reader, tmp_path, queries="queries.json", annotations="annotations.json")

    return samples


def printed(text):
    """{block: {metric: value}} of what the tool prints."""
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    rows = {head.rstrip(":"): [line.split(":") for line in lines] for head, *lines in blocks}
    return {head: {name.lower(): float(value) for name, value in lines} for head, lines in rows.items()}


def assert_as_printed(scores, expected):
    ours = {(m.name, m.group, m.category): round(m.value, 1) for m in scores.metrics}
    for block, values in printed(expected["printed"]).items():
        for name, value in values.items():
            assert ours.get((name, *BLOCKS[block]), 0.0) == value, (block, name)  # a kind not asked is printed as 0


@pytest.mark.parametrize("run", ["mixed", "clean"])
def test_all_that_the_tool_prints(folder, read, run):
    samples = read(read_lines(folder, "queries_discriminative.jsonl"))
    rows = read_lines(folder, f"discriminative_{run}_predictions.jsonl")
    answers = answers_of(rows, "id", "response")
    expected = read_json(folder, f"discriminative_{run}_expected.json")
    amber = get_scorer("amber")
    assert_as_printed(amber(samples, answers), expected["d"])
    for key, dimension in {
        "de_existence_rows_only": "existence",
        "da_attribute_rows_only": "attribute",
        "dr_relation_rows_only": "relation",
    }.items():
        assert_as_printed(amber([s for s in samples if s.category == dimension], answers), expected[key])
    by_id = {sample.id: sample for sample in samples}
    order = [by_id[str(row["id"])] for row in rows]
    assert_as_printed(amber(order[:50], answers), expected["d_first_50_rows"])
    assert_as_printed(amber(order[:1], answers), expected["d_first_row"])
    assert_as_printed(amber(order + order[:500], answers), expected["d_with_first_500_rows_repeated"])
    missing = set(map(str, expected["d_with_missing_ids"]))  # the tool leaves them out of its denominators
    assert_as_printed(amber([s for s in samples if s.id not in missing], answers), expected["d_with_missing"])


@pytest.mark.parametrize(
    ("part", "dimension"),
    [
        ("discriminative", ""),
        ("discriminative-existence", "existence"),
        ("discriminative-attribute", "attribute"),
        ("discriminative-relation", "relation"),
    ],
)
def test_emmas_own_count(folder, read, part, dimension):
    samples = read(read_lines(folder, "queries_discriminative.jsonl"))
    answers = answers_of(read_lines(folder, f"emma_{part}_texts.jsonl"), "id")
    expected = read_json(folder, "emma_expected.json")[part]
    scores = get_scorer("amber_emma")(samples, answers)
    (metric,) = [metric for metric in scores.metrics if metric.category == dimension]
    assert sum(dimension in ("", sample.category) for sample in samples) == expected["queries_in_file"]
    assert metric.n == expected["all"]
    assert metric.value == expected["count"] / expected["all"]
    assert round(metric.value, 4) == expected["printed_acc"]


def test_emmas_questions_about_the_next_records_objects(folder, read):
    queries = [{"id": n, "image": f"AMBER_{n}.jpg", "query": "Describe this image."} for n in range(1, 1005)]
    samples = read(queries, "amber_objects", first=1)
    rows = read_lines(folder, "emma_generative_texts.jsonl")
    answers = answers_of([{"id": f"{r['id']}/{r['type']}/{r['type_id']}", "text": r["text"]} for r in rows], "id")
    expected = read_json(folder, "emma_expected.json")["generative"]
    assert [sample.id for sample in samples] == [key for key, _ in answers]
    assert [sample.images[0].name for sample in samples] == [row["image"] for row in rows]
    (metric,) = get_scorer("amber_emma")(samples, answers).metrics
    assert (metric.n, metric.value) == (expected["all"], expected["count"] / expected["all"])
    assert round(metric.value, 4) == expected["printed_acc"]
    assert samples[-1].question == "Is s in this image?"  # the letters of the next record's `yes`


def test_existence_is_never_true(folder, read):
    samples = read(read_lines(folder, "queries_discriminative.jsonl"))
    assert {sample.references for sample in samples if sample.category == "existence"} == {("no",)}
    scores = get_scorer("amber")(samples, {})
    assert overall(scores) == 0.0
    assert set(breakdown(scores, "dimension")) == {"existence", "attribute", "relation"}


@pytest.mark.parametrize("table", ["with_table", "similarity_always_zero"])
def test_the_arithmetic_of_descriptions(folder, table):
    words = read_json(folder, "generative_core_word_lists.json")
    alike = {
        (row["noun"], row["word"]): row["similarity"] for row in read_lines(folder, "generative_core_similarity.jsonl")
    }

    def similar(noun, word):
        return table == "with_table" and alike.get((noun, word), 0.0) > 0.8

    lists = {"association": words["relation"], "safe_words": frozenset(words["safe_words"])}
    samples = [
        Sample(str(row["id"]), "", references=tuple(row["truth"]), meta={"hallu": tuple(row["hallu"]), **lists})
        for row in read_lines(folder, "generative_core_annotations.jsonl")
    ]
    told = {str(row["id"]): row["nouns"] for row in read_lines(folder, "generative_core_predictions.jsonl")}
    described = [describe(told[sample.id], sample, similar) for sample in samples]
    clean = [float(not one.hallucinated) for one in described]
    expected = read_json(folder, "generative_core_expected.json")[table]
    counters = expected["counters"]
    assert sum(one.hallucinated for one in described) == counters["chair_score"]
    assert sum(len(one.nouns) for one in described) == round(counters["chair_num"])
    assert sum(one.covered for one in described) == counters["safe_cover_score"]
    assert sum(one.expected_hallucinations for one in described) == counters["hallu_cover_score"]
    assert sum(clean) == counters["non_hallu_score"]
    ours = {metric.name: round(metric.value, 1) for metric in measures(samples, described, clean)}
    assert ours == printed(expected["printed"])["Generative Task"]
