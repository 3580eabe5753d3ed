"""How long a retry waits."""

from __future__ import annotations

import pytest

from emma_eval.servers.retries import backoff, retry_after

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:29:30 GMT", "date": DATE}, 90.0),
        ({"retry-after": DATE, "date": "Wed, 21 Oct 2015 07:29:30 GMT"}, 0.0),
        ({"retry-after": DATE}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_waits_double_up_to_the_longest_and_differ() -> None:
    for attempts, most in ((1, 1.0), (2, 2.0), (5, 16.0), (9, 60.0), (10_000, 60.0)):
        waits = [backoff(attempts, 1.0, 60.0) for _ in range(200)]
        assert most / 2 <= min(waits) < max(waits) <= most
        assert len(set(waits)) > 100
