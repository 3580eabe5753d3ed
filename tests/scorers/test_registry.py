"""Scorers by name, and what all of them have in common."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.errors import UserError
from emma_eval.registry import entries
from emma_eval.scorers import get_scorer, require_ready
from emma_eval.scorers.arithmetic import mean, naive_sum, ratio
from emma_eval.scorers.exact import exact
from emma_eval.types import Sample
from tests.fakes import sample
from tests.scorers.helpers import answered, value


@pytest.mark.parametrize("name", entries("scorers"))
def test_every_name_leads_to_a_scorer_that_refuses_to_score_nothing(name):
    with pytest.raises(UserError, match="no samples"):
        get_scorer(name)([], {})


def test_an_unknown_name_or_option_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'vqa'"):
        get_scorer("vqaa")
    with pytest.raises(UserError, match="did you mean 'processor'"):
        get_scorer("vqa", procesor="llava")
    with pytest.raises(UserError, match="did you mean 'llava'"):
        get_scorer("vqa", processor="lava")


def test_scoring_imports_nothing_heavy():
    code = (
        "import sys, importlib; from emma_eval.registry import entries\n"
        "for path in entries('scorers').values(): importlib.import_module(path.split(':')[0])\n"
        "print([m for m in ('torch', 'transformers', 'pandas', 'numpy', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sums_go_left_to_right():
    assert naive_sum([0.1] * 10) == 0.9999999999999999  # Python 3.12's sum says 1.0
    assert mean([]) == 0
    assert ratio(1, 0) == 0


@given(st.permutations(range(6)))
def test_the_order_of_the_answers_does_not_matter(order):
    samples = [sample(str(i), "yes" if i % 2 else "no") for i in range(6)]
    answers = {(str(i), 0): answered("yes" if i < 4 else "no")["1", 0] for i in order}
    assert exact(samples, answers) == exact(samples, dict(sorted(answers.items())))


def test_exact_match_ignores_case_blanks_and_one_full_stop():
    samples = [sample(str(i), "Blue", category="color") for i in (1, 2, 3)]
    scores = exact(samples, answered(" BLUE.", "blue..", None))
    assert [one.score for one in scores.samples] == [1, 0, 0]
    assert value(scores, group="category", category="color") == pytest.approx(100 / 3)


def test_exact_match_takes_any_of_several_references():
    scores = exact([sample(str(i), ("Red", "dark red")) for i in (1, 2, 3)], answered("red", "Dark red.", "dark"))
    assert [one.score for one in scores.samples] == [1, 1, 0]


@pytest.mark.parametrize("name", ["amber_emma", "gqa", "mathvista", "mme", "scienceqa", "seed", "vqa"])
def test_samples_of_another_benchmark_are_a_usage_error(name):
    with pytest.raises(
        UserError, match=f"the scorer '{name}' reads '.*' of every sample, which the task's reader does"
    ):
        get_scorer(name)([sample("1", "yes", category="a")], answered("yes"))


@pytest.mark.parametrize(
    ("name", "reference"), [("pope", "True"), ("letters", "Open"), ("mmbench", "Open"), ("amber", "1")]
)
def test_a_reference_of_another_kind_is_a_usage_error(name, reference):
    samples = [sample("1", reference, options=("Open", "Closed"), category="a")]
    with pytest.raises(UserError, match=f"sample '1': the reference '{reference}' is none of "):
        get_scorer(name)(samples, answered("A"))


def test_a_scorer_is_tried_on_one_sample_before_answers_are_made():
    require_ready("vqa_m4c", {}, [sample("1", "yes")], "accuracy")
    with pytest.raises(UserError, match="the scorer 'vqa' reads 'answer_type' of every sample"):
        require_ready("vqa", {"processor": "llava"}, [sample("1", "yes")], "accuracy")
    with pytest.raises(UserError, match="the scorer 'exact' gives no 'acuracy'; did you mean 'accuracy'"):
        require_ready("exact", {}, [sample("1", "yes")], "acuracy")


def test_references_may_be_held_back_of_all_samples_but_not_of_some():
    held_back = [Sample("1", "?"), Sample("2", "?")]
    require_ready("vqa", {"processor": "llava"}, held_back, "accuracy")
    with pytest.raises(UserError, match="2 of 3 samples have no expected answer, the first is '1': complete the data"):
        require_ready("exact", {}, [*held_back, sample("3", "yes")], "accuracy")
