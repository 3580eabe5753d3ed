"""For the Python API: a dataclass's field is explained by the comment behind it, which is where this code has it."""

import ast
import re
from typing import Any

import griffe


class FieldComments(griffe.Extension):
    """Takes the comment behind an attribute without a docstring for its docstring."""

    def on_attribute_instance(self, *, node: Any, attr: griffe.Attribute, agent: Any, **_: Any) -> None:
        """Read the comment on the attribute's last line."""
        if attr.docstring is None and isinstance(node, ast.AnnAssign) and node.end_lineno:
            line = agent.code.splitlines()[node.end_lineno - 1]
            behind = line.encode()[node.end_col_offset :].decode()
            if comment := re.match(r"\s*#\s+(?!noqa|type:)(.+)", behind):
                attr.docstring = griffe.Docstring(comment[1], lineno=node.end_lineno, parent=attr)
