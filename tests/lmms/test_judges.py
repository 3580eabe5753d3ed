"""Whether a task's functions reach a client of a judge."""

import functools
import urllib.parse
from types import ModuleType

import pytest

from emma_eval.lmms.judges import client_of, judge_client

httpx = ModuleType("httpx")  # a stand-in: the real one need not be installed


class HTTPError(Exception):
    __module__ = "httpx"


def asks(text):
    return httpx.post("http://judge", json={"text": text})


class Grader:
    def grade(self, text):
        return self._ask(text)

    def _ask(self, text):
        return asks(text)


GRADER = Grader()


def by_object(doc, results):
    return GRADER.grade(results[0])


def by_import(doc, results):
    import openai

    return openai.OpenAI()


def by_inner(doc, results):
    return [asks(text) for text in results]


@functools.lru_cache
def cached(text):
    return asks(text)


def by_cache(doc, results):
    return cached(results[0])


def plain(doc, results):
    return {"score": urllib.parse.quote(results[0]) == doc["httpx"]}


def recursive(doc, results):
    return recursive(doc, results) or plain(doc, results)


@pytest.mark.parametrize("function", [by_object, by_inner, by_cache, Grader])
def test_a_function_that_calls_a_client_by_way_of_others_is_found(function):
    assert judge_client([plain, function]) == "httpx"


def test_a_client_that_is_imported_in_a_function_is_found():
    assert judge_client([by_import]) == "openai"


def test_other_functions_are_none():
    assert judge_client([plain, recursive]) == ""


def test_an_error_of_a_client_is_known_behind_another():
    error = ValueError("no function")
    error.__cause__ = HTTPError("no key")
    assert client_of(error) == "httpx"
    assert client_of(ValueError()) == ""
