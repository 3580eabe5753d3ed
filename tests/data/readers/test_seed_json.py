"""SEED-Bench's own JSON: the table of question types."""

import json

import pytest

from emma_eval.data.readers.seed_json import _read_files
from emma_eval.errors import UserError


@pytest.mark.parametrize("number", [{"a": 1}, [1], None, "1", 1.5, True])
def test_a_question_type_is_a_whole_number(tmp_path, number):
    path = tmp_path / "SEED-Bench.json"
    path.write_text(json.dumps({"questions": [], "question_type": {"Scene Understanding": number}}))
    with pytest.raises(UserError, match=r"question_type 'Scene Understanding' is .*, not a whole number"):
        _read_files({"questions": path})
