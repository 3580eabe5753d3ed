"""Every step of the answer normalisation, in each of its dialects."""

from dataclasses import replace

import pytest

from emma_eval.scorers import normalization as n
from tests.golden.files import read_lines

OFFICIAL_UNDER_PYTHON3 = replace(n.VIZWIZ, contractions=n.CONTRACTIONS)

STEPS = {
    "stripped": n.strip,
    "punctuation": lambda raw: n.process_punctuation(n.strip(raw)),
    "normalized": n.normalize,
    "normalized_py3": lambda raw: n.normalize(raw, OFFICIAL_UNDER_PYTHON3),
    "vizwiz": lambda raw: n.normalize(raw, n.VIZWIZ),
    "m4c": n.m4c,
    "lmms_eval": n.m4c,  # a copy of the same processor
}


@pytest.mark.parametrize("step", STEPS)
def test_step(golden, step):
    for row in read_lines(golden("vqa_normalization"), "normalization.jsonl"):
        assert STEPS[step](row["raw"]) == row[step], row["raw"]
