"""YAML that is malformed or expands without end is refused in one line with its position."""

import pytest

from emma_eval.errors import UserError
from emma_eval.utils.yaml_io import read_yaml

BOMB = "x0: &x0 [lol, lol]\n" + "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: 2024-99-99", "line 1, column 8: '2024-99-99' cannot be read as a value; put it in quotes"),
        ("a: !!int x", "'x' cannot be read as a value"),
        ("a: !!bool maybe", "'maybe' cannot be read as a value"),
        ("a: " + "9" * 5000, "cannot be read as a value"),
        ("a: .inf", "'.inf' is not a finite number"),
        ("a: .nan", "'.nan' is not a finite number"),
        ("a: 010", "'010' means 8 in YAML; write that, or put it in quotes"),
        ("a: -01_7", "'-01_7' means -15 in YAML"),
        ("a: 1:30", "'1:30' means 90 in YAML"),
        ("1:30:00.5: a", "'1:30:00.5' means 5400.5 in YAML"),
        ("a: !!set [x]", "a mapping is expected here"),
        ("a: !!map x", "a mapping is expected here"),
        ("1: 2\n1: 3", "line 2, column 1: key 1 stands twice"),
        (BOMB, "aliases that make more than 1,000,000 values"),
        ("a: &x [*x]", "an alias within itself"),
        ("- " * 50_000 + "x", "nested too deep"),
        ("[" * 50_000, "nested too deep"),
    ],
)
def test_yaml_that_cannot_be_read(tmp_path, text, message):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_yaml(tmp_path / "x.yaml")
    assert str(tmp_path / "x.yaml") in str(caught.value)


def test_plain_numbers_and_whatever_is_quoted_are_what_they_say(tmp_path):
    (tmp_path / "x.yaml").write_text("[0, -7, 1_000, 0x10, 0.5, 1e-3, '010', '1:30', 08]".join(("a: ", "\n")))
    numbers = [0, -7, 1000, 16, 0.5, "1e-3", "010", "1:30", "08"]  # 08 is no number in YAML, and 1e-3 needs a point
    assert read_yaml(tmp_path / "x.yaml")["a"] == numbers


def test_mappings_may_be_merged(tmp_path):
    (tmp_path / "x.yaml").write_text("x: &x {a: 1}\ny: {<<: *x, b: 2}")
    assert read_yaml(tmp_path / "x.yaml")["y"] == {"a": 1, "b": 2}
