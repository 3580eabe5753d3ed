"""Read one YAML file safely, with errors that name file, line and column.

A repeated key is an error, and so are numbers that are not finite and aliases that blow a small file up to a huge one.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from emma_eval.errors import UserError
from emma_eval.utils.file_errors import describe_error
from emma_eval.utils.files import read_text
from emma_eval.utils.text import error_message, json_type_name

_MAX_FILE_BYTES = 2**24  # bytes; published.yaml, the largest here, has some 100 kB
_MAX_VALUES = 1_000_000  # in a file with its aliases expanded
_TOO_DEEP = "mappings and lists nested too deep, or an alias within itself"
_MAX_DEPTH = 100  # mappings and lists within each other

_OTHER_BASE = re.compile(r"[-+]?(0[0-7_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")  # 010 is 8, and 1:30 is 90

# The C loader is several times faster, but not every PyYAML has it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader, which refuses a key that stands twice instead of silently keeping the last."""

    def construct_document(self, node: yaml.Node) -> Any:
        _count_values(node, {}, 0)
        return super().construct_document(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value. Raises ConstructorError with its position for a scalar on which PyYAML fails without one."""
        try:
            value = super().construct_object(node, deep)
        except (ValueError, KeyError, OverflowError, TypeError, AttributeError, IndexError) as error:
            message = f"{_preview_node(node)} cannot be read as a value; put it in quotes if it is a text"
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark) from error
        if isinstance(value, int | float) and isinstance(node.value, str) and _OTHER_BASE.fullmatch(node.value):
            message = f"{_preview_node(node)} means {value:g} in YAML; write that, or put it in quotes"
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)
        if isinstance(value, float) and not math.isfinite(value):
            raise yaml.constructor.ConstructorError(
                None, None, f"{_preview_node(node)} is not a finite number", node.start_mark
            )
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(None, None, "a mapping is expected here", node.start_mark)
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                continue  # PyYAML words it
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _count_values(node: yaml.Node, sizes: dict[yaml.Node, int], depth: int) -> int:
    """Count the values below a node, with aliases expanded.

    Raises ConstructorError for too many of them, too deep ones, and an alias that contains itself.
    """
    if depth > _MAX_DEPTH or sizes.get(node) == 0:
        raise yaml.constructor.ConstructorError(None, None, _TOO_DEEP, node.start_mark)
    if node in sizes:
        return sizes[node]
    sizes[node] = 0  # being counted
    size = 1 + sum(_count_values(part, sizes, depth + 1) for part in _child_nodes(node))
    if size > _MAX_VALUES:
        message = f"aliases that make more than {_MAX_VALUES:,} values"
        raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)
    sizes[node] = size
    return size


def _child_nodes(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _preview_node(node: yaml.Node) -> str:
    return f"{node.value!r:.60}" if isinstance(node.value, str) else f"a value tagged {node.tag!r:.60}"


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping a YAML file holds. Raises UserError: unreadable, not YAML, a key twice, or not a mapping."""
    text = read_text(path, _MAX_FILE_BYTES)
    try:
        _require_shallow(text)
        content = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"{path}{position}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {error_message(error)}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: not YAML: a value does not fit the tag (`!!set`, say) before it") from error
    except (RecursionError, MemoryError) as error:
        raise UserError(f"{path}: not YAML: {describe_error(error)}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: a mapping of keys to values is expected, not {json_type_name(content)}")
    return content


def require_bounded(text: str) -> None:
    """Raise YAMLError for a text whose values are nested too deep, or too many once its aliases are written out.

    Whatever else reads the text then ends; without this, one of some lines can take hours, or all memory.
    """
    _require_shallow(text)
    node = yaml.compose(text, Loader=_SafeLoader)
    if node is not None:
        _count_values(node, {}, 0)


def _require_shallow(text: str) -> None:
    """Raise ConstructorError for values nested too deep: the C loader needs stack for each and would end the process.

    Reading events needs none.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise yaml.constructor.ConstructorError(None, None, _TOO_DEEP, event.start_mark)  # type: ignore[arg-type]
