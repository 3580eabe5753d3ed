"""What `import emma_eval` offers: every name, in no time."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import emma_eval

HEAVY = ("torch", "transformers", "pandas", "numpy", "pydantic", "datasets", "rich", "PIL")


def test_the_import_itself_imports_nothing_heavy():
    code = f"import emma_eval, sys; dir(emma_eval); print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("use", ["load_task('pope_mini')", "load_run", "UserError", "Message", "list_tasks()"])
def test_what_needs_no_model_and_no_frame_imports_neither_torch_nor_pandas(use):
    code = f"import emma_eval, sys; emma_eval.{use}; print({{'torch', 'pandas'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("name", emma_eval.__all__)
def test_a_name_is_there_and_has_a_docstring(name):
    value = getattr(emma_eval, name)
    assert name in dir(emma_eval)
    assert name == "__version__" or value.__doc__


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(emma_eval.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body for alias in node.names}  # type: ignore[attr-defined]
    assert seen == emma_eval._PLACES
    assert set(emma_eval.__all__) == {*seen, "__version__"}


def test_the_package_says_that_it_is_typed():
    assert Path(emma_eval.__file__).with_name("py.typed").is_file()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'evaluates'"):
        emma_eval.evaluates  # noqa: B018
    assert not hasattr(emma_eval, "evaluates")
