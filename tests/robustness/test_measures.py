"""What is measured of a variant, with numbers that are counted by hand or by scipy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.stats import binomtest

from emma_eval.robustness.meaning import AskedTask
from emma_eval.robustness.measures import compare_family, compare_variant
from emma_eval.robustness.position_bias import position_bias
from emma_eval.robustness.variants import choose_variants
from emma_eval.types import SampleScore
from tests.fakes import sample

VARIANTS = choose_variants(None).variants


def yes_no(rights: str, answers: str, flipped=False, ids=None, texts=None):
    """`y`, `n`, and `?` for a text that POPE's tool takes for yes; each sample on an image of its own."""
    names = ids or [str(number) for number in range(len(rights))]
    words = {"y": "yes", "n": "no"}
    samples = [sample(name, words[right]) for name, right in zip(names, rights, strict=True)]
    said = {name: {**words, "?": "left"}[one] for name, one in zip(names, answers, strict=True)}
    scores = [
        SampleScore(one.id, float((words.get(a, "yes")) == one.references[0]), words.get(a, "yes"))
        for one, a in zip(samples, answers, strict=True)
    ]
    return AskedTask(samples, scores, texts or said, circular=False, flipped=flipped)


def test_a_variant_whose_right_answers_are_the_same():
    result = compare_variant(
        "leading_yes",
        VARIANTS["leading_yes"],
        {},
        yes_no("yynnnnnnnn", "yynnnnnnny"),
        yes_no("yynnnnnnnn", "ynyyyyynny"),
    )
    assert (result.score.original, result.score.value) == (pytest.approx(0.9), pytest.approx(0.3))
    assert (result.right_to_wrong, result.wrong_to_right) == (6, 0)
    assert result.score.p == pytest.approx(binomtest(6, 6).pvalue)
    assert result.consistency.value == pytest.approx(4 / 10)
    assert result.both_right.value == pytest.approx(3 / 10)
    assert result.yes is not None
    assert (result.yes.original, result.yes.value) == (pytest.approx(0.3), pytest.approx(0.7))
    assert result.yes.p == pytest.approx(binomtest(5, 6).pvalue)  # five from no to yes, one from yes to no


def test_where_right_answers_are_flipped_agreeing_is_saying_the_opposite():
    result = compare_variant("negated", VARIANTS["negated"], {}, yes_no("yynn", "yynn"), yes_no("nnyy", "nyyy", True))
    assert result.consistency.value == pytest.approx(3 / 4)
    assert result.score.value == pytest.approx(3 / 4)
    assert result.yes is not None
    assert (result.yes.original, result.yes.value) == (pytest.approx(1 / 2), pytest.approx(3 / 4))


def test_an_answer_that_says_neither_agrees_with_none():
    """POPE's tool takes it for yes, so it may be right, yet nobody knows what it means."""
    result = compare_variant(
        "rephrased_see", VARIANTS["rephrased_see"], {}, yes_no("yyyn", "yy?n"), yes_no("yyyn", "?y?n")
    )
    assert result.score.difference == 0
    assert (result.consistency.value, result.unread) == (pytest.approx(2 / 4), 2)


def test_only_the_samples_of_the_variant_are_compared():
    original = yes_no("yyyy", "nnyy")
    result = compare_variant("x", VARIANTS["negated"], {"why": 2}, original, yes_no("nn", "nn", True, ids=["1", "3"]))
    assert (result.asked, result.left_out) == (2, {"why": 2})
    assert (result.score.original, result.score.value) == (0.5, 1.0)
    assert (result.wrong_to_right, result.right_to_wrong) == (1, 0)


def test_intervals_draw_images():
    """Two questions on each image, alike: half as many independent cases, so a wider interval."""
    original, changed = yes_no("y" * 40, "y" * 40), yes_no("n" * 40, "nnyy" * 10, flipped=True)
    pairs = [SampleScore(s.id, s.score, s.parsed_answer, cluster=f"{i // 2}") for i, s in enumerate(original.scores)]
    alone = compare_variant("x", VARIANTS["negated"], {}, original, changed)
    together = compare_variant("x", VARIANTS["negated"], {}, replace(original, scores=pairs), changed)
    assert alone.consistency.interval
    assert together.consistency.interval
    (low, high), (wide_low, wide_high) = alone.consistency.interval, together.consistency.interval
    assert wide_high - wide_low == pytest.approx(2**0.5 * (high - low), rel=0.15)


def test_a_family_takes_of_each_sample_the_variants_that_ask_it():
    original = yes_no("yyyn", "yyyn")
    family = compare_family(
        "rephrased", original, {"a": yes_no("yyy", "yny", ids=["0", "1", "2"]), "b": yes_no("yy", "yn", ids=["0", "2"])}
    )
    assert (family.consistency.samples, family.answers) == (3, 5)
    assert family.consistency.value == pytest.approx(1 / 3)  # "1" is denied in a, "2" in b
    assert family.always_right.value == pytest.approx(1 / 3)


def choices(letters: str, rights: str, circular=False):
    samples = [sample(str(i), right, options=("p", "q")) for i, right in enumerate(rights)]
    parsed = [letters[i : i + 2] for i in range(0, len(letters), 2)] if circular else letters
    scores = [SampleScore(one.id, 0.0, answer) for one, answer in zip(samples, parsed, strict=True)]
    return AskedTask(samples, scores, dict(zip(map(str, range(len(rights))), parsed, strict=True)), circular)


def test_letters_chosen_and_right():
    bias = position_bias({"original": choices("AAAB-", "AABBA")})
    assert bias is not None
    assert (bias.answers, bias.unread, bias.same_option) == (4, 1, None)
    assert [(one.letter, one.chosen, one.right, one.difference) for one in bias.letters] == [
        ("A", 0.75, 0.5, 0.25),
        ("B", 0.25, 0.5, -0.25),
    ]
    assert [one.recall for one in bias.letters] == [1.0, 0.5]
    assert bias.recall_deviation == 0.25  # of 1 and 1/2 around 3/4


def test_who_always_says_a_never_chooses_one_text():
    """In the two rotations of two options the letter A stands before either."""
    bias = position_bias({"original": choices("AAAAAB", "ABA", circular=True)})
    assert bias is not None
    assert [one.chosen for one in bias.letters] == [pytest.approx(5 / 6), pytest.approx(1 / 6)]
    assert bias.same_option is not None
    assert bias.same_option.value == pytest.approx(1 / 3)


def test_a_task_without_options_has_no_position_bias():
    assert position_bias({"original": yes_no("yn", "yn")}) is None
