"""What commands print, write and end with, whatever the data, the folder and the machine are like."""

import json
import os
import re
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from emma_eval.cli.main import main
from emma_eval.cli.watch import render
from emma_eval.errors import UserError
from emma_eval.runs.monitor import RunMonitor
from emma_eval.utils.files import open_output, write_atomic
from emma_eval.utils.progress_bars import progress_bars
from tests.fakes import command_output, quiz_row, run_pope, write_pope, write_quiz

ROOT = Path(__file__).parents[2]
LONG = "a" * 5000


@pytest.mark.parametrize("command", [["show", "quiz"], ["check", "quiz"]])
def test_no_control_character_reaches_the_terminal(tmp_path, capsys, command):
    rows = [quiz_row(1, question="hi \x1b]0;OWNED\x07 \x1b[2J \x9b31m \u202e"), quiz_row(2, "gone\x1b[31m.png")]
    text = command_output(capsys, command + write_quiz(tmp_path, rows), 2 if command[0] == "check" else 0)
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert "\\x1b[" in text


def test_no_control_character_of_a_task_file_reaches_the_terminal(tmp_path, capsys):
    options = write_quiz(tmp_path, [quiz_row(1)])[:2]
    path = tmp_path / "tasks/quiz.yaml"
    path.write_text(path.read_text().replace("title: Quiz", 'title: "T \\e[31mRED"'))
    for command in (["explain", "quiz"], ["list", "tasks"]):
        text = command_output(capsys, command + options, 0)
        assert "T \\x1b[31mRED" in text
        assert "\x1b" not in text


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--tasks", "pope", "--data", f"/{LONG}"],
        ["run", "--model", LONG],
        ["watch", f"/{LONG}"],
        ["leaderboard", f"/{LONG}", "--output", "."],
        ["list", "tasks", "--task-dir", f"/{LONG}"],
        ["score", "--task", "pope_mini", "--predictions", f"/{LONG}"],
        ["show", "pope_mini", "--sample", "9" * 5000],
        ["run", "--tasks", "pope_mini", "--model", "~nobody-of-this-name/x"],
        ["run", "--tasks", "pope_mini", "--model=--"],
        ["score", "--task", "pope_mini", "--predictions=--"],
    ],
)
def test_a_name_that_no_file_can_have_is_refused_in_two_lines_at_most(capsys, command):
    assert command_output(capsys, command, 2).count("\n") <= 2


def test_without_a_home_folder_the_cache_variable_is_named(capsys, monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    for name in ("EMMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    assert "no home folder to keep a cache in; name a folder in EMMA_CACHE" in command_output(
        capsys, ["check", "pope_mini"], 2
    )


def test_check_names_every_unreadable_image_and_the_wrong_count(tmp_path, capsys):
    folder = tmp_path / "data/img"
    bad = {
        "empty.png": b"",
        "page.png": b"<html>Not found</html>",
        "lfs.png": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    }
    rows = [
        quiz_row(1),
        *(quiz_row(number, name) for number, name in enumerate([*bad, "cut.jpg", "half.jpg", "gone.png"], 2)),
    ]
    options = write_quiz(tmp_path, rows, expected=9)
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    Image.effect_noise((64, 64), 50).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:900])
    Image.effect_noise((64, 64), 50).save(folder / "half.jpg")
    (folder / "half.jpg").write_bytes((folder / "half.jpg").read_bytes()[:900] + bytes(9000))
    text = command_output(capsys, ["check", "quiz", *options], 2)
    assert "7 samples were read, 9 are expected" in text
    assert "6 of 7 images cannot be used" in text
    for part in (
        "it is empty",
        "not a whole image",
        "a web page",
        "git-LFS pointer",
        "truncated",
        "no such image file",
        *bad,
        "cut.jpg",
    ):
        assert part in text


def test_check_finds_a_stray_marker(tmp_path, capsys):
    text = command_output(
        capsys,
        ["check", "quiz", *write_quiz(tmp_path, [quiz_row(1), quiz_row(2, question="What is <image> here?")])],
        2,
    )
    assert "sample 2: its prompt has 2 <image> markers for 1 image" in text


def test_a_planted_link_is_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "manifest.json.part").symlink_to(victim)
    write_atomic(tmp_path / "manifest.json", "{}")
    for name, mode in (("run.lock", "a+"), ("x.part", "ab")):
        (tmp_path / name).symlink_to(victim)
        with pytest.raises(UserError, match=f"{name}: a symbolic link, not a regular file; it is not written through"):
            open_output(tmp_path / name, mode)
    assert victim.read_text() == "precious"
    assert (tmp_path / "manifest.json").read_text() == "{}"


def test_a_planted_fifo_does_not_hang_a_writer(tmp_path):
    os.mkfifo(tmp_path / "run.lock")
    with pytest.raises(UserError, match="a FIFO"):
        open_output(tmp_path / "run.lock", "a+")


@pytest.mark.parametrize("planted", ["run.lock", "responses/pope_mini.jsonl"])
def test_a_run_refuses_planted_links(tmp_path, capsys, planted):
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    path = tmp_path / "out" / planted
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    code = main(["run", "--tasks", "pope_mini", "--limit", "2", "--output", str(tmp_path / "out")])
    assert (code, victim.read_text()) == (2, "precious\n")
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("module", ["argparse", "pydantic", "torch"])
def test_an_interrupt_while_modules_are_imported_ends_in_one_line(module, tmp_path):
    command = [sys.executable, "-X", "importtime", "run_eval.py", "run", "--tasks", "pope_mini"]
    command.append(f"--output={tmp_path / 'out'}")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert any(line.rpartition("|")[2].strip() == module for line in process.stderr)  # its import has just ended
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted" in err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_python_ends_prints_no_traceback(sent, tmp_path):
    """All is done by then; libraries' own functions at exit would end in one."""
    code = (
        "import atexit, os, sys, time; from emma_eval.cli.door import main\n"
        f"atexit.register(lambda: (os.kill(os.getpid(), {int(sent)}), time.sleep(5)))\n"
        "sys.exit(main())"
    )
    words = ["run", "--tasks", "pope_mini", "--limit", "2", "--output", str(tmp_path / "out")]
    ended = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == -sent
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "out/scores.json").exists()


def test_what_libraries_raise_while_python_ends_is_not_printed(tmp_path):
    code = "import atexit, sys; from emma_eval.cli.door import main; atexit.register(int, 'x'); sys.exit(main())"
    words = ["list", "groups"]
    shown, quiet = (
        subprocess.run(
            [sys.executable, *more, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        for more in (["-X", "dev"], [])
    )
    assert (shown.returncode, quiet.returncode) == (0, 0)
    assert "ValueError: invalid literal for int" in shown.stderr
    assert quiet.stderr == ""


PARQUET_TASK = """\
title: T
benchmark: t
split: s
reader: table
files: {rows: none.jsonl, images: img}
columns: {id: id, question: q, images: image, answer: a}
prompt: {suffix: Answer.}
metric: accuracy
protocols: {official: {scorer: exact}}
expected: {samples: 2}
hub: {id: %s, split: test}
"""


@pytest.mark.parametrize("typed", [True, False], ids=["images", "structs"])
@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"bytes": None, "path": "SECRET"}, "which is not in the data set"),
        ({"bytes": None, "path": "secret.png"}, "which is not in the data set"),
        ({"bytes": b"", "path": None}, "it is empty"),
        ({"bytes": None, "path": None}, "it is empty"),
        ({"bytes": b"no image", "path": "a.png"}, "of no known image format"),
    ],
)
def test_a_parquet_row_reads_no_file_and_ends_no_run(tmp_path, monkeypatch, cell, message, typed):
    from emma_eval.data.loading import load_samples
    from emma_eval.errors import SampleError
    from emma_eval.tasks.index import extra_task_folders
    from emma_eval.tasks.loading import load_task

    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (2, 2)).save(tmp_path / "secret.png")
    good = {"bytes": (tmp_path / "secret.png").read_bytes(), "path": None}
    bad = cell | ({"path": str(tmp_path / "secret.png")} if cell["path"] == "SECRET" else {})
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    table = pyarrow.table(
        {"id": ["1", "2"], "q": ["Q", "Q"], "image": pyarrow.array([good, bad], kind), "a": ["x", "y"]}
    )
    if typed:
        texts = {name: {"dtype": "string", "_type": "Value"} for name in ("id", "q", "a")}
        features = {"info": {"features": texts | {"image": {"_type": "Image"}}}}
        table = table.replace_schema_metadata({b"huggingface": json.dumps(features).encode()})
    (tmp_path / "set/data").mkdir(parents=True)
    parquet.write_table(table, tmp_path / "set/data/test-00000-of-00001.parquet")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/t.yaml").write_text(PARQUET_TASK % (tmp_path / "set"))
    with extra_task_folders([tmp_path / "tasks"]):
        one, two = load_samples(load_task("t"))
    one.images[0].open()
    with pytest.raises(SampleError, match=f"row 1: .*{message}"):
        two.images[0].open()


def test_no_name_of_a_run_moves_the_cursor_of_a_terminal(tmp_path):
    """Bars are drawn with escape sequences of our own, and none from a manifest or a list of downloads."""
    write_pope(tmp_path / "data")
    run_pope(tmp_path / "data", tmp_path / "run")
    path = tmp_path / "run/manifest.json"
    manifest = json.loads(path.read_text())
    evil = "x\x1b]52;c;b3duZWQ=\x07\x1b[2J\x9b\u202e"
    manifest["model"]["name"], manifest["tasks"] = evil, {evil: manifest["tasks"]["pope"]}
    path.write_text(json.dumps(manifest))
    terminal = StringIO()
    Console(file=terminal, force_terminal=True, width=200).print(render(RunMonitor(tmp_path / "run").poll()))
    shown = terminal.getvalue()
    assert shown.count("x\\x1b]52;c;") == 2
    assert not {"\x07", "\x9b", "\u202e", "\x1b]", "\x1b[2J"} & {*shown, *re.findall(r"\x1b.[0-9]*.", shown)}
    progress = progress_bars()
    progress.console.file, progress.console._force_terminal = terminal, True
    progress.add_task(evil, total=2)
    progress.console.print(progress.get_renderable())
    assert not {"\x07", "\x9b", "\u202e"} & set(terminal.getvalue())
