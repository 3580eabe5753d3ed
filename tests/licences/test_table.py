"""docs/licences.md names every dependency, and says of each installed one what its metadata say."""

import re
from email.message import Message

import pytest
from packaging.utils import canonicalize_name

from tests.licences.table import BEGIN, DOCUMENT, Package, installed, licence_of, markdown, packages, requirements

ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", re.M)


@pytest.fixture(scope="module")
def listed():
    return {name: licence for name, _, licence in ROW.findall(DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2])}


def test_every_requirement_is_listed(listed):
    asked = {canonicalize_name(one.name) for group in requirements().values() for one in group}
    assert len(asked) > 40
    assert asked <= listed.keys()


def test_what_is_installed_is_listed_with_its_licence(listed):
    found = {one.name: one.licence or "not told" for one in packages(installed())}
    assert len(found) > 60
    told = {name: licence for name, licence in found.items() if name in listed and licence != "not told"}
    assert {name: listed[name] for name in told} == told, "python -m tests.licences --write"


class FakeDistribution:
    def __init__(self, **fields):
        self.metadata = Message()
        for name, value in fields.items():
            self.metadata[name.replace("_", "-")] = value


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "MIT", "License": "see file"}, "MIT"),
        ({"License": "Apache 2.0"}, "Apache 2.0"),
        (
            {"License": "Copyright\nall of it", "Classifier": "License :: OSI Approved :: MIT License"},
            "MIT License",
        ),
        ({"License": "UNKNOWN"}, ""),
        ({}, ""),
    ],
)
def test_a_licence_is_what_the_metadata_say(fields, licence):
    assert licence_of(FakeDistribution(**fields)) == licence


@pytest.mark.parametrize("licence", ["MIT", "BSD-3-Clause AND Apache-2.0", "Apache Software", "MIT OR LGPL-2.1"])
def test_permissive_ones(licence):
    assert Package("x", "core", licence).is_permissive


@pytest.mark.parametrize("licence", ["", "LGPL-3.0", "MPL-2.0 AND MIT", "LicenseRef-NVIDIA-Proprietary"])
def test_others_are_named_first(licence):
    one = Package("x", "core", licence)
    assert not one.is_permissive
    assert markdown([one]).startswith(f"Not plainly permissive: `x` ({licence or 'not told'}).")
