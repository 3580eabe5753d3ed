"""Every package that the dependencies and extras of pyproject.toml bring, and its licence by its own metadata."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/licences.md"
BEGIN, END = "<!-- licences -->", "<!-- /licences -->"
LONGEST = 60  # characters of a licence's name; some packages put the whole text there
ELSEWHERE = {  # what no metadata tell
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary (a name for NVIDIA's packages)",
    "pycocoevalcap": "see license.txt of its repository",
}
PERMISSIVE = re.compile(
    r"apache|\bmit\b|mit-cmu|bsd|isc|psf|python software foundation|cnri|hpnd|zlib|unlicense|cc0|ofl|bsl-1", re.I
)


@dataclass(frozen=True)
class Package:
    """A package, what asks for it (the core, or the first extra that does), and its licence."""

    name: str
    asked_by: str
    licence: str

    @property
    def is_permissive(self) -> bool:
        """Whether each part of its licence asks for no more than to be named."""
        parts = re.split(r"\bAND\b|;", self.licence)
        return bool(self.licence) and all(PERMISSIVE.search(part) for part in parts)


def requirements() -> dict[str, list[Requirement]]:
    """The project's requirements: `core`, then those of each extra in the order of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"core": project["dependencies"], **project["optional-dependencies"]}
    return {
        group: [one for one in map(Requirement, texts) if one.name != "emma-eval"] for group, texts in groups.items()
    }


def installed(paths: Iterable[str] = ()) -> dict[str, Distribution]:
    """The distributions of this environment by name, then those of other site-packages."""
    found: dict[str, Distribution] = {}
    for one in (*distributions(), *distributions(path=list(paths))):
        found.setdefault(canonicalize_name(one.metadata["Name"] or ""), one)
    return found


def packages(found: Mapping[str, Distribution]) -> list[Package]:
    """All direct and indirect dependencies by name; those that are not installed have no licence."""
    seen: dict[str, str] = {}
    for group, asked in requirements().items():
        for requirement in asked:
            for name in _closure(requirement, found, set()):
                seen.setdefault(name, group)
    told = {name: licence_of(found[name]) for name in seen if name in found}
    return [Package(name, group, told.get(name) or ELSEWHERE.get(name, "")) for name, group in sorted(seen.items())]


def _closure(requirement: Requirement, found: Mapping[str, Distribution], seen: set[tuple[str, str]]) -> Iterator[str]:
    name = str(canonicalize_name(requirement.name))
    if (name, str(sorted(requirement.extras))) in seen:
        return
    seen.add((name, str(sorted(requirement.extras))))
    yield name
    for text in (found[name].requires or ()) if name in found else ():
        inner = Requirement(text)
        marker = inner.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*requirement.extras, "")):
            yield from _closure(inner, found, seen)


def licence_of(one: Distribution) -> str:
    """What the package's metadata say: the expression, else a short text, else its classifiers."""
    metadata = one.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    text = metadata.get("License") or ""
    classifiers = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if "License ::" in line]
    is_name = 0 < len(text.strip()) <= LONGEST and "\n" not in text.strip() and text.strip() != "UNKNOWN"
    return text.strip() if is_name else "; ".join(classifiers)


def markdown(listed: Iterable[Package]) -> str:
    """The table, and before it what is not permissive."""
    rows = list(listed)
    others = [f"`{one.name}` ({one.licence or 'not told'})" for one in rows if not one.is_permissive]
    lines = [f"| `{one.name}` | {one.asked_by} | {one.licence or 'not told'} |" for one in rows]
    head = ["| package | asked for by | licence |", "|---|---|---|"]
    return "\n".join([f"Not plainly permissive: {', '.join(others)}.", "", *head, *lines])
