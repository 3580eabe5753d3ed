"""Shards: every request in one of them, an image's requests together, shares of about the same size."""

from hypothesis import given
from hypothesis import strategies as st

from emma_eval.images.sources import ImageFile
from emma_eval.results.manifest import TaskFacts
from emma_eval.runs.plan import TaskPlan
from emma_eval.runs.settings import Shard
from emma_eval.runs.sharding import share_of
from emma_eval.tasks.loading import load_task
from emma_eval.types import Request

TASK = load_task("pope")


def plan(images: list[int]) -> TaskPlan:
    facts = TaskFacts(config="c", protocol="p", data={}, reference_digest="r", samples=len(images))
    folder = TASK.title
    requests = [
        Request(str(i), 0, "What?", "", (ImageFile(folder, f"{n}.png"),) if n else ())  # type: ignore[arg-type]
        for i, n in enumerate(images)
    ]
    return TaskPlan(TASK, "p", (), complete=True, facts=facts, requests=tuple(requests))


TASKS = st.lists(st.lists(st.integers(0, 12), max_size=60), min_size=1, max_size=3)


@given(TASKS, st.integers(1, 5))
def test_every_request_is_in_one_shard_and_an_image_in_no_two_of_a_task(tasks: list[list[int]], of: int) -> None:
    plans = [plan(images) for images in tasks]
    shards = [share_of(plans, Shard(number, of)) for number in range(1, of + 1)]
    for position, whole in enumerate(plans):
        shares = [shard[position].requests for shard in shards]
        together = sorted((one for share in shares for one in share), key=lambda one: int(one.sample_id))
        assert together == list(whole.requests)
        images = [image for share in shares for image in {one.images for one in share if one.images}]
        assert len(images) == len(set(images))
        assert [shard[position].facts.shard_requests for shard in shards] == list(map(len, shares))


@given(TASKS, st.integers(1, 5))
def test_shares_differ_by_one_image_at_most(tasks: list[list[int]], of: int) -> None:
    plans = [plan(images) for images in tasks]
    sizes = [sum(len(one.requests) for one in share_of(plans, Shard(n, of))) for n in range(1, of + 1)]
    largest = max((images.count(n) if n else 1 for images in tasks for n in images), default=0)
    assert max(sizes) - min(sizes) <= largest


def test_the_order_of_requests_is_kept() -> None:
    (share,) = share_of([plan([1, 2, 1, 3, 2, 1])], Shard(1, 2))
    assert [one.sample_id for one in share.requests] == ["0", "2", "5"]
