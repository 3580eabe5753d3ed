"""The digest of a run's samples and references: older runs and baselines hold it, so it never changes."""

import hashlib
import json

from emma_eval.data.selection import reference_digest
from emma_eval.types import Sample


def test_it_is_the_hash_of_ids_and_references_as_json_lines():
    rows = [["1", ["a cat", 'say "hé"\n']], ["v1_é", []], ["\ud800", ["\U0001f600\\", ""]]]
    samples = [Sample(sample_id, "", references=tuple(references)) for sample_id, references in rows]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert reference_digest(samples) == hashlib.sha256(lines.encode()).hexdigest()
