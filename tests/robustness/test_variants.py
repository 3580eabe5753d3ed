"""Variants as data: the shipped ones, a file of one's own, and what is wrong with it."""

from __future__ import annotations

import pytest

from emma_eval.errors import UserError
from emma_eval.robustness.forms import compile_form
from emma_eval.robustness.variants import choose_variants


def test_variants_and_families_by_name():
    assert list(choose_variants("negated, leading").variants) == ["leading_yes", "leading_no", "negated"]
    assert "gaussian_noise_3" not in choose_variants(None).variants
    assert list(choose_variants("fog_5").variants) == ["fog_5"]
    corrupted = choose_variants("corruptions").variants
    assert len(corrupted) == 14 * 3
    assert set(choose_variants("weather").variants) == {n for n, one in corrupted.items() if one.family == "weather"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("negate", "--variants: there is neither a variant nor a .yaml file 'negate'; did you mean 'negated'?"),
        ("original", "--variants names none beside original"),
    ],
)
def test_unknown_names(text, wanted):
    with pytest.raises(UserError, match=wanted):
        choose_variants(text)


MINE = """\
fields: {animal: cat|dog}
forms: {animal: "Show me the {animal}!"}
variants:
  loud: {words: louder, family: loudness, ask: {animal: "SHOW ME THE {animal}!", object: "{question}!"}}
"""


def test_a_file_of_ones_own_may_use_the_shipped_forms(tmp_path):
    (tmp_path / "mine.yaml").write_text(MINE)
    chosen = choose_variants(str(tmp_path / "mine.yaml"))
    assert list(chosen.variants) == ["loud"]
    assert next(iter(chosen.forms)) == "animal"  # tried before the shipped ones
    assert chosen.forms["animal"].parts("Show me the dog!") == {"animal": "dog"}
    assert chosen.forms["animal"].parts("Show me the bird!") is None
    assert chosen.variants["loud"].definition == '{"ask": {"animal": "SHOW ME THE {animal}!", "object": "{question}!"}}'


def test_an_endless_field_ends_and_is_told(monkeypatch):
    monkeypatch.setattr("emma_eval.utils.patterns.TIMEOUT_SECONDS", 0.1)
    with pytest.raises(UserError, match=r"a form of --variants: the pattern .* takes more than 0\.1 seconds"):
        compile_form("{x}!", {"x": "(a|aa)+"}).parts("a" * 60 + "b!")


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (
            '{animal}!", object',
            '{bird}!", object',
            "variants.loud.ask.animal: {bird} is not in the form",
        ),
        ("object:", "objekt:", "variants.loud.ask: there is no form 'objekt'; known: animal, object"),
        ("cat|dog", "'(cat'", "form 'Show me the {animal}!': no regular expression: missing"),
        ("forms: {animal:", "forms: {object: x, animal:", "forms.object: this name is that of a shipped form"),
        ("  loud:", "  original:", "variants.original: this name is that of the tasks as they are"),
        ("family: loudness, ", "", "family"),
        ("family: loudness, ", "family: x, options: reversed, ", "exactly one of ask, options, corruption"),
        ("family: loudness, ", "family: x, swap: object, ", "answer: flipped is needed"),
        (", ask: {", ", options: rotated, other: {", "other"),
        ('ask: {animal: "SHOW ME THE {animal}!", object: "{question}!"}', "options: rotated", "places go together"),
        (
            'ask: {animal: "SHOW ME THE {animal}!", object: "{question}!"}',
            "corruption: rain, severity: 2",
            "there is no corruption 'rain'",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path, old, new, wanted):
    path = tmp_path / "mine.yaml"
    assert old in MINE
    path.write_text(MINE.replace(old, new))
    with pytest.raises(UserError) as found:
        choose_variants(str(path))
    assert str(found.value).startswith(f"{path}: ")
    assert wanted in str(found.value)
    assert "\n" not in str(found.value)
