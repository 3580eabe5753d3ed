"""A server's address and its key: what is taken, what is refused, and that no message repeats a secret."""

from __future__ import annotations

import json

import pytest

from emma_eval.errors import UserError
from emma_eval.servers.endpoint import find_endpoint


@pytest.mark.parametrize(
    ("url", "base", "host"),
    [
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1", "127.0.0.1"),
        ("https://API.example.org/v1/chat/completions", "https://API.example.org/v1", "api.example.org"),
        ("http://[::1]:8000", "http://[::1]:8000", "::1"),
    ],
)
def test_addresses(url: str, base: str, host: str) -> None:
    endpoint = find_endpoint(url, None, {})
    assert (endpoint.base_url, endpoint.host, endpoint.headers) == (base, host, {})


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (None, "--base-url URL, such as"),
        ("localhost:8000/v1", "http://HOST:PORT/v1"),
        ("ftp://host/v1", "http://HOST:PORT/v1"),
        ("http://", "http://HOST:PORT/v1"),
        ("http://host:port/v1", "http://HOST:PORT/v1"),
        ("http://host/a b", "http://HOST:PORT/v1"),
        ("http://[::1/v1", "http://HOST:PORT/v1"),
        ("https://user:hunter2@host/v1", "neither a password nor a query"),
        ("https://host/v1?api-key=hunter2", "neither a password nor a query"),
        ("https://host/v1#hunter2", "neither a password nor a query"),
    ],
)
def test_addresses_that_are_refused(url: str | None, line: str) -> None:
    with pytest.raises(UserError, match=line) as raised:
        find_endpoint(url, None, {})
    assert "hunter2" not in str(raised.value)


def test_the_key_is_that_of_the_named_variable_else_of_the_first_known_one() -> None:
    environment = {"OPENAI_API_KEY": "sk-openai", "EMMA_EVAL_API_KEY": " sk-own\n", "TEAM_KEY": "sk-team"}
    url = "https://host/v1"
    assert find_endpoint(url, None, environment).headers == {"Authorization": "Bearer sk-own"}
    assert find_endpoint(url, "TEAM_KEY", environment).key == "sk-team"
    del environment["EMMA_EVAL_API_KEY"]
    endpoint = find_endpoint(url, None, environment)
    assert (endpoint.key, endpoint.key_variable) == ("sk-openai", "OPENAI_API_KEY")
    assert "sk-openai" not in repr(endpoint)


@pytest.mark.parametrize("variable", ["NOT_SET", "sk-hunter2-hunter2", "a b"])
def test_a_variable_that_is_none_is_refused_without_repeating_it(variable: str) -> None:
    with pytest.raises(UserError, match="--model-option key_env: the") as raised:
        find_endpoint("https://host/v1", variable, {"OPENAI_API_KEY": "sk-openai"})
    assert variable not in str(raised.value)


def test_a_key_that_no_header_may_hold_is_refused_without_repeating_it() -> None:
    with pytest.raises(UserError, match="environment variable OPENAI_API_KEY has characters") as raised:
        find_endpoint("https://host/v1", None, {"OPENAI_API_KEY": "hunter2\u00e9"})
    assert "hunter2" not in str(raised.value)


def test_a_word_that_stands_for_no_key_is_left_in_answers() -> None:
    assert find_endpoint("http://host/v1", None, {"OPENAI_API_KEY": "EMPTY"}).redacted("is it EMPTY?") == "is it EMPTY?"


@pytest.mark.parametrize(
    "written", ["sk/a+secret", r"sk\/a+secret", r"sk\u002fa+secret", r"\u0073k/a\u002Bsecret", r"sk/a+s\u0065cret"]
)
def test_a_key_is_found_however_json_spells_it(written):
    endpoint = find_endpoint("http://host/v1", None, {"OPENAI_API_KEY": "sk/a+secret"})
    assert json.loads(endpoint.redacted(f'{{"a": ["is it {written}?", "\\n"]}}')) == {"a": ["is it [key]?", "\n"]}
    assert endpoint.redacted("sk/a+secret, says \\ a page") == "[key], says \\ a page"
    assert endpoint.redacted(other := r'{"a": "\u0073k"}') == other


def test_a_key_with_characters_that_json_spells_otherwise_is_found():
    endpoint = find_endpoint("http://host/v1", None, {"OPENAI_API_KEY": 'a"b\\cdefgh'})
    assert json.loads(endpoint.redacted(json.dumps({"a": 'a"b\\cdefgh'}))) == {"a": "[key]"}
