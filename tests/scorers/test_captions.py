"""Captions: line breaks are removed for the tokenizer, and a missing program is reported."""

import shutil
import sys

import pytest

from emma_eval.errors import UserError
from emma_eval.scorers.captions import captions, tokenize
from tests.fakes import sample
from tests.scorers.helpers import answered

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="the tokenizer is a Java program")


def test_without_java_there_is_a_clear_word_and_no_score(monkeypatch):
    pytest.importorskip("pycocoevalcap")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="no `java` on the PATH: install a Java runtime"):
        captions([sample("1", "A cat.")], answered("A cat."))


def test_without_the_package_it_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'emma-eval\[captions\]'"):
        captions([sample("1", "A cat.")], answered("A cat."))


@needs_java
def test_line_breaks_of_any_kind_shift_no_caption():
    pytest.importorskip("pycocoevalcap")
    texts = [("One\r\ncat.",), ("Two\u2028dogs.", "A\x0bfox.\n"), ("An owl.",)]
    assert tokenize(texts) == {0: ["one cat"], 1: ["two dogs", "a fox"], 2: ["an owl"]}


@needs_java
def test_the_tokenizers_chatter_is_off_the_screen(capfd):
    pytest.importorskip("pycocoevalcap")
    tokenize([("One cat.",)])
    print("mine", file=sys.stderr)
    assert capfd.readouterr().err == "mine\n"


@pytest.mark.parametrize("java", ["echo no room >&2; exit 1", "kill -9 $$"])
def test_what_the_tokenizer_says_when_it_fails_is_told(java, tmp_path, monkeypatch, capfd):
    pytest.importorskip("pycocoevalcap")
    (tmp_path / "java").write_text(f"#!/bin/sh\n{java}\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = "no room" if "room" in java else "no reason"
    with pytest.raises(UserError, match=rf"another number of captions .* reason: {said}; check that `java` runs"):
        captions([sample("1", ("A cat.", "One cat."))], answered("A cat."))
    assert capfd.readouterr().err == ""


@needs_java
def test_a_missing_caption_is_an_empty_one():
    pytest.importorskip("pycocoevalcap")
    samples = [sample("1", ("A cat sits.", "One cat.")), sample("2", "A dog runs.")]
    scores = captions(samples, answered("A cat sits.", None))
    assert [(one.score, one.status) for one in scores.samples] == [(1.0, "answered"), (0.0, "missing")]
