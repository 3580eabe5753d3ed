"""Names that keys and values of task files had before: still read, and still what digests are computed of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

RENAMED_KEYS: Mapping[str, Mapping[str, str]] = {  # section -> first name -> today's
    "prompt": {
        "remove": "strip_text",
        "capitalize": "capitalize_first",
        "hint_after": "hint_suffix",
        "open_suffix": "open_ended_suffix",
        "before_options": "options_prefix",
        "most_options": "max_options",
        "empty_hint": "include_empty_hint",
        "tidy": "collapse_spaces",
    },
    "columns": {
        "option_mark": "option_regex",
        "category_pattern": "category_regex",
        "answer_words": "answer_map",
        "text_lists": "stringified_lists",
        "pair": "group_size",
        "pair_number": "row_number",
    },
}
RENAMED_IMAGE_PLACEMENTS: Mapping[str, str] = {  # values of prompt.images: first name -> today's
    "in_place": "inline",
    "side_by_side": "concatenated",
    "side_by_side_in_text": "concatenated_inline",
}


def with_current_names(content: Mapping[str, Any]) -> dict[str, Any]:
    """A task file's content with today's names. Raises ValueError for a key under both of its names."""
    renamed = dict(content)
    for path, section, kind in _sections(content):
        parent = renamed
        for key in path[:-1]:  # copied along the path: `content` stays as it is
            parent[key] = dict(parent[key])
            parent = parent[key]
        parent[path[-1]] = _renamed(section, kind, ".".join(map(str, path)))
    return renamed


def old_names(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(old name, today's name) of each key or value of a task file that has been renamed."""
    for path, section, kind in _sections(content):
        location = ".".join(map(str, path))
        yield from ((f"{location}.{old}", new) for old, new in RENAMED_KEYS[kind].items() if old in section)
        if kind == "prompt" and (new := _placement(section.get("images"))) is not None:
            yield f"{location}.images: {section['images']}", new


def with_first_names(section: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A validated `prompt` or `columns` under the names that its keys and values had at first."""
    first = {new: old for old, new in RENAMED_KEYS[kind].items()}
    renamed = {first.get(key, key): value for key, value in section.items()}
    if kind == "prompt":
        placements = {new: old for old, new in RENAMED_IMAGE_PLACEMENTS.items()}
        renamed["images"] = placements.get(renamed["images"], renamed["images"])
    return renamed


def _sections(content: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any], str]]:
    """(path, section, kind) of every section of a task file that may have renamed keys."""
    paths: list[tuple[tuple[str, ...], str]] = [
        (("prompt",), "prompt"),
        (("columns",), "columns"),
        (("hub", "columns"), "columns"),
    ]
    wordings = content.get("wordings")
    if isinstance(wordings, dict):
        paths += [(("wordings", family, "prompt"), "prompt") for family in wordings]
    for path, kind in paths:
        section: Any = content
        for key in path:
            section = section.get(key) if isinstance(section, dict) else None
        if isinstance(section, dict):
            yield path, section, kind


def _renamed(section: Mapping[str, Any], kind: str, location: str) -> dict[str, Any]:
    names = RENAMED_KEYS[kind]
    for old, new in names.items():
        if old in section and new in section:
            raise ValueError(
                f"keys '{location}.{old}' and '{location}.{new}' are one key under its old and its new name"
            )
    renamed = {names.get(key, key): value for key, value in section.items()}
    if kind == "prompt" and (new_value := _placement(section.get("images"))) is not None:
        renamed["images"] = new_value
    return renamed


def _placement(value: Any) -> str | None:
    return RENAMED_IMAGE_PLACEMENTS.get(value) if isinstance(value, str) else None
