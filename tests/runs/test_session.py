"""A session that cannot begin leaves nothing behind that goes on."""

from __future__ import annotations

import pytest

from emma_eval.errors import UserError
from emma_eval.runs.settings import OtherRequests
from tests.fakes import FakeEngine, run_pope


class ClosingEngine(FakeEngine):
    closed = False

    def close(self) -> None:
        self.closed = True


def test_an_engine_is_closed_where_its_requests_cannot_be_made(data, folder):
    """Of several replicas it is processes that would go on otherwise."""

    def build(*_):
        raise UserError("no such requests")

    engine = ClosingEngine()
    with pytest.raises(UserError, match="no such requests"):
        run_pope(data, folder, engine, requests=OtherRequests(build, "a note"))
    assert engine.closed
