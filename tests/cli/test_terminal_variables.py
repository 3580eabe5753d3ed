"""NO_COLOR and COLUMNS, as docs/environment.md has them, on a terminal."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fakes import run_pope

ROOT = Path(__file__).parents[2]
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|9\d|4\d)(?:;\d+)*m")
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def on_a_terminal(data, folder):
    """What `watch --once` writes to a terminal about a finished run."""
    run_pope(data, folder)

    def run(**variables):
        ours, theirs = pty.openpty()
        environment = os.environ | {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "NO_COLOR": ""} | variables
        line = [sys.executable, str(ROOT / "run_eval.py"), "watch", "--once", str(folder)]
        with subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
            os.close(theirs)
            written = b""
            with suppress(OSError):  # the other end is closed
                while block := os.read(ours, 65536):
                    written += block
        os.close(ours)
        return written.decode()

    return run


def test_no_color_takes_the_colours_away_and_leaves_the_text(on_a_terminal):
    coloured, plain = on_a_terminal(COLUMNS="80"), on_a_terminal(COLUMNS="80", NO_COLOR="1")
    assert COLOUR.search(coloured)
    assert not COLOUR.search(plain)
    assert SEQUENCE.sub("", plain) == SEQUENCE.sub("", coloured)


def test_columns_is_the_width_that_is_written_for(on_a_terminal):
    for columns in (50, 80):
        lines = SEQUENCE.sub("", on_a_terminal(COLUMNS=str(columns))).splitlines()
        assert max(map(len, lines)) <= columns
