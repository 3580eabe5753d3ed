"""Cells of an answer file as text."""

import pytest

from emma_eval.predictions.answer_row import cell_text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("a cat", "a cat"),
        (3, "3"),
        (3.0, "3"),
        (-0.0, "0"),
        (3.5, "3.5"),
        (2.0**53, "9007199254740992"),
        (1e308, "1e+308"),  # its 309 digits would be made up
        (float("nan"), None),
        (True, None),
        (None, None),
        (["a"], None),
    ],
)
def test_a_number_is_as_a_spreadsheet_shows_it(cell, text):
    assert cell_text(cell) == text
