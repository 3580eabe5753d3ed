"""Numbers of data files: pandas writes 7 as 7.0, and beyond 2**53 another number than was meant."""

import pytest

from emma_eval.data.readers.parsing import id_text, to_int


@pytest.mark.parametrize(
    ("cell", "number"), [(7, 7), (7.0, 7), ("7", 7), ("7.0", 7), ("+7", 7), (True, 1), (-0.0, 0), (2.0**53, 2**53)]
)
def test_whole_numbers_are_read_however_they_are_written(cell, number):
    assert to_int({"id": cell}, "id") == number


@pytest.mark.parametrize("cell", [1e16, 2.0**53 + 2, -1e300])
def test_a_float_that_several_numbers_have_is_no_id(cell):
    for read in (lambda: to_int({"id": cell}, "id"), lambda: id_text(cell, "id")):
        with pytest.raises(ValueError, match=r"key 'id': .* may have lost digits.*save it as text"):
            read()


def test_long_ids_are_whole_as_numbers_and_as_texts():
    assert id_text(2**53 + 1, "id") == "9007199254740993"
    assert id_text("9007199254740993", "id") == "9007199254740993"
    assert id_text(7.0, "id") == "7"


@pytest.mark.parametrize("cell", [7.5, float("nan"), float("inf"), "7.5", None, [7]])
def test_what_is_no_whole_number_is_refused(cell):
    with pytest.raises(ValueError, match="key 'id': a whole number is expected"):
        to_int({"id": cell}, "id")
