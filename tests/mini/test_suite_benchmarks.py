"""The suite's eight benchmarks, read by the real readers, are well formed and balanced."""

from collections import Counter

import pytest

from emma_eval.cli.main import main
from emma_eval.mini.suite.pope import absent_names
from emma_eval.mini.world import COLORS, SHAPES, Scene, Thing
from emma_eval.prompts.building import build_requests
from emma_eval.scorers import get_scorer
from emma_eval.tasks.index import task_groups
from emma_eval.tasks.loading import load_task
from emma_eval.types import Answer

MINI = task_groups()["mini"]
WORDS = ("vqav2_mini", "gqa_mini", "vizwiz_mini", "mme_mini", "pope_mini")


def shares(values):
    counts = Counter(values)
    return {value: count / counts.total() for value, count in counts.items()}


def reference(sample):
    return Counter(sample.references).most_common(1)[0][0]


def test_the_suite_has_eight_benchmarks():
    assert len(MINI) == 8


@pytest.mark.parametrize("name", MINI)
def test_it_has_100_to_300_questions_with_distinct_ids(name, samples):
    read = samples(name)
    assert 100 <= len(read) <= 300
    assert load_task(name).expected.samples == (len(read),)
    assert len({sample.id for sample in read}) == len(read)


@pytest.mark.parametrize("name", MINI)
def test_it_is_asked_and_scored_like_the_real_benchmark_but_named_apart(name):
    mini = load_task(name)
    real = load_task("mmbench_en" if name == "mmbench_mini" else name.removesuffix("_mini"))
    same = ("reader", "prompt", "circular", "metric", "protocol", "protocols")
    assert [getattr(mini, key) for key in same] == [getattr(real, key) for key in same]
    assert (mini.benchmark, mini.split, mini.suite, mini.hub) == (name, "mini", "mini", None)
    assert mini.generation.max_new_tokens == 16
    assert mini.title.endswith("-mini")


@pytest.mark.parametrize("name", MINI)
def test_every_image_opens_and_has_the_same_size(name, samples):
    images = {image for sample in samples(name) for image in sample.images}
    assert {image.open().size for image in images} == {(192, 192)}


@pytest.mark.parametrize("name", MINI)
def test_the_references_score_100_percent(name, samples):
    task, read = load_task(name), samples(name)
    truth = {sample.id: sample for sample in read}

    def answer(request):
        sample = truth[request.sample_id]
        if not sample.options:
            return reference(sample)
        return "ABCD"[("ABCD".index(reference(sample)) - request.pass_index) % len(sample.options)]

    answers = {(r.sample_id, r.pass_index): Answer(answer(r), r.message) for r in build_requests(task, read)}
    protocol = task.scorer_config()
    scores = get_scorer(protocol.scorer, **protocol.options)(read, answers)
    assert {sample.score for sample in scores.samples} == {1.0}


@pytest.mark.parametrize("name", WORDS)
def test_yes_and_no_are_equally_frequent(name, samples):
    said = [reference(sample).lower() for sample in samples(name)]
    yes, no = said.count("yes"), said.count("no")
    assert 0.42 < yes / (yes + no) < 0.58


@pytest.mark.parametrize("name", ["vqav2_mini", "gqa_mini", "vizwiz_mini"])
def test_no_constant_answer_scores_well(name, samples):
    assert max(shares(map(reference, samples(name))).values()) <= 0.3


@pytest.mark.parametrize("name", ["mmbench_mini", "seed_mini"])
def test_each_letter_is_correct_in_a_quarter_of_the_questions(name, samples):
    assert shares(map(reference, samples(name))) == dict.fromkeys("ABCD", 0.25)


class TestVqav2:
    def test_five_different_questions_an_image(self, samples):
        asked = Counter(sample.images for sample in samples("vqav2_mini"))
        assert set(asked.values()) == {5}
        assert len({(sample.images, sample.question) for sample in samples("vqav2_mini")}) == 200

    def test_at_least_eight_of_ten_annotators_agree_and_sometimes_not_all(self, samples):
        agreeing = Counter(max(Counter(sample.references).values()) for sample in samples("vqav2_mini"))
        assert set(agreeing) == {8, 9, 10}
        assert {len(sample.references) for sample in samples("vqav2_mini")} == {10}

    def test_all_answer_types_occur(self, samples):
        assert min(shares(sample.category for sample in samples("vqav2_mini")).values()) > 0.2

    def test_question_types_are_the_beginnings(self, samples):
        for sample in samples("vqav2_mini"):
            assert sample.question.lower().startswith(sample.meta["question_type"])


class TestVizwiz:
    def test_three_in_ten_are_unanswerable(self, samples):
        read = samples("vizwiz_mini")
        assert sum(not sample.meta["answerable"] for sample in read) == 60
        for sample in read:
            assert (reference(sample) == "unanswerable") == (sample.category == "unanswerable")
            assert (sample.category == "unanswerable") == (not sample.meta["answerable"])


class TestScienceQA:
    def test_a_third_is_text_only_and_half_of_it_has_a_hint_that_holds_the_answer(self, samples):
        text_only = [sample for sample in samples("scienceqa_mini") if not sample.images]
        assert len(text_only) == 70
        told = [sample for sample in text_only if sample.hint]
        assert 25 < len(told) < 45
        for sample in told:
            assert sample.options["ABCD".index(reference(sample))] in sample.hint

    def test_it_breaks_down_by_subject_context_and_grade(self, samples):
        read = samples("scienceqa_mini")
        subjects = {"natural science", "social science", "language science"}
        assert {sample.category for sample in read} == subjects
        assert {len(sample.options) for sample in read} == {2, 3, 4}
        assert any(sample.hint and sample.images for sample in read)
        assert any(not sample.hint for sample in read)


class TestMmbench:
    def test_it_is_asked_in_four_passes_from_the_rows_of_the_file(self, samples, suite):
        requests = list(build_requests(load_task("mmbench_mini"), samples("mmbench_mini")))
        assert len(requests) == 400
        assert Counter(request.pass_index for request in requests) == dict.fromkeys(range(4), 100)
        assert len((suite / "mmbench/mmbench_dev_20230712.tsv").read_text("utf-8").splitlines()) == 401

    def test_the_rows_rotate_the_options(self, samples):
        assert not any("passes" in sample.meta for sample in samples("mmbench_mini"))


class TestMme:
    def test_four_subtasks_of_25_pairs(self, samples):
        pairs = {}
        for sample in samples("mme_mini"):
            pairs.setdefault((sample.category, sample.images), []).append(reference(sample))
        assert Counter(subtask for subtask, _ in pairs) == dict.fromkeys(
            ("existence", "count", "position", "color"), 25
        )
        assert set(map(tuple, pairs.values())) == {("Yes", "No")}


class TestSeed:
    def test_types_fit_the_questions(self, samples):
        beginnings = {
            "Instance Identity": "What shape",
            "Instance Attributes": "What color",
            "Instance Location": "Where",
            "Instances Counting": "How many",
        }
        assert {sample.category for sample in samples("seed_mini")} == set(beginnings)
        for sample in samples("seed_mini"):
            assert sample.question.startswith(beginnings[sample.category])


class TestPope:
    def test_each_category_is_balanced_on_every_image(self, samples):
        answers = {}
        for sample in samples("pope_mini"):
            answers.setdefault((sample.category, sample.images), []).append(reference(sample))
        assert len(answers) == 75
        assert all(Counter(said) == {"yes": 2, "no": 2} for said in answers.values())

    def test_names_that_are_not_there(self):
        scene = Scene((Thing("star", "red", "small", 24, 24), Thing("cross", "blue", "small", 72, 24)), (255, 255, 255))
        by_frequency = [f"{color} {shape}" for shape in SHAPES for color in COLORS]
        by_frequency.insert(0, by_frequency.pop(by_frequency.index("red star")))  # the most frequent of all, but there

        class FirstComesFirst:
            def sample(self, names, number):
                return names[:number]

        asked = absent_names(FirstComesFirst(), scene, by_frequency)
        assert asked["popular"] == ["red circle", "green circle"]
        assert asked["adversarial"] == ["blue star", "red cross"]  # both words seen

    def test_popular_asks_for_few_names(self, samples):
        no = [(sample.category, sample.question) for sample in samples("pope_mini") if reference(sample) == "no"]
        names = {category: {q for c, q in no if c == category} for category in ("random", "popular")}
        assert len(names["popular"]) < len(names["random"]) / 2


def test_check_needs_no_data_root(capsys):
    assert main(["check", "mini"]) == 0
    out = capsys.readouterr().out
    assert "pope_mini: ok: 300 samples, 25 images" in out
    assert "8 tasks checked, no problems" in out


def test_show_a_sample(capsys, suite):
    assert main(["show", "pope_mini"]) == 0
    assert str(suite / "coco/val2014/COCO_val2014_000000800000.jpg") in capsys.readouterr().out
