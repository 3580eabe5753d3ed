"""The manifest of a run folder."""

import pytest

from emma_eval.errors import UserError
from tests.fakes import run_pope


def test_an_unreadable_manifest_is_named(data, folder):
    run_pope(data, folder)
    (folder / "manifest.json").write_text('{"model": 3}')
    with pytest.raises(UserError, match=r"manifest\.json has no schema_version.*begin another run"):
        run_pope(data, folder)
