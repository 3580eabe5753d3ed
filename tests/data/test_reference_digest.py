"""What a run knows its samples' truth by: runs and baselines of other versions hold it, so it may never change."""

import hashlib
import json

from emma_eval.data.selection import reference_digest
from emma_eval.types import Sample


def test_it_is_the_hash_of_ids_and_answers_as_json_lines():
    truths = [["1", ["a cat", 'say "hé"\n']], ["v1_é", []], ["\ud800", ["\U0001f600\\", ""]]]
    samples = [Sample(identity, "", references=tuple(answers)) for identity, answers in truths]
    lines = "".join(json.dumps(truth) + "\n" for truth in truths)
    assert reference_digest(samples) == hashlib.sha256(lines.encode()).hexdigest()
