"""SECURITY.md: each row of its table names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOCUMENT = TESTS.parent / "docs" / "SECURITY.md"
ROWS = re.findall(r"^\| (?!it holds that|---)(.+?) \| (.+?) \|$", DOCUMENT.read_text(encoding="utf-8"), re.M)


def named(text):
    """(file, test) of every test that a cell names: a file, then its tests, then perhaps another file."""
    path = ""
    for word in re.findall(r"`([^`]+)`", text):
        if word.endswith(".py"):
            path = word
        else:
            yield path, word


def test_the_table_is_found():
    assert len(ROWS) >= 22


@pytest.mark.parametrize(("sentence", "shown_by"), ROWS, ids=range(len(ROWS)))
def test_each_sentence_names_tests_that_exist(sentence, shown_by):
    tests = list(named(shown_by))
    assert tests, sentence
    for path, test in tests:
        tree = ast.parse((TESTS.parent / path).read_text(encoding="utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test in functions, f"{path} has no {test}"


def test_the_documents_it_names_exist():
    for link in re.findall(r"\]\(([^)#]+)", DOCUMENT.read_text(encoding="utf-8")):
        assert (DOCUMENT.parent / link).exists(), link
