"""Leases: every request once, those on one image together, large while much is left and small at the end."""

from hypothesis import given
from hypothesis import strategies as st

from emma_eval.images.sources import ImageFile
from emma_eval.inference.replicas.leases import MAX_LEASE, MIN_LEASE, LeasePlanner, image_groups
from emma_eval.types import Request
from tests.inference.replicas.requests import FOLDER, on_images


def leases(planner: LeasePlanner) -> list[list[list[int]]]:
    return list(iter(planner.take, []))


def sizes(found: list[list[list[int]]]) -> list[int]:
    return [sum(map(len, lease)) for lease in found]


@given(st.lists(st.integers(0, 30), max_size=300), st.integers(1, 8))
def test_every_request_is_handed_out_once_and_no_image_twice(images: list[int], replicas: int) -> None:
    requests = on_images(images)
    found = leases(LeasePlanner(requests, replicas))
    handed_out = [index for lease in found for group in lease for index in group]
    assert sorted(handed_out) == list(range(len(requests)))
    seen = [requests[group[0]].images for lease in found for group in lease]
    assert len(seen) == len(set(seen)) == len({one.images for one in requests})


def test_leases_shrink_to_the_least() -> None:
    found = sizes(leases(LeasePlanner(on_images(range(20_000)), 8)))
    assert found[0] == MAX_LEASE
    assert found == sorted(found, reverse=True)
    assert found[-2] == MIN_LEASE


def test_of_a_few_requests_every_replica_gets_some() -> None:
    assert sizes(leases(LeasePlanner(on_images(range(12)), 3))) == [4, 4, 4]


def test_what_is_given_back_is_handed_out_next() -> None:
    planner = LeasePlanner(on_images(range(1000)), 2)
    lost = planner.take()
    planner.give_back([lost[0][:0], lost[1], lost[2]])
    assert planner.take()[:2] == [lost[1], lost[2]]


def test_requests_on_many_images_and_long_ones_come_first() -> None:
    a, b = ImageFile(FOLDER, "a"), ImageFile(FOLDER, "b")
    requests = [
        Request("0", 0, "text alone, and long", ""),
        Request("1", 0, "short", "", (a,)),
        Request("2", 0, "two", "", (a, b)),
        Request("3", 0, "a longer one", "", (b,)),
        Request("4", 0, "x", "", (a,)),
    ]
    assert image_groups(requests) == [[2], [3], [1, 4], [0]]
