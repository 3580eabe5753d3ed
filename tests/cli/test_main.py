"""The front desk: which command, which exit code, which single line, and how little it imports."""

import errno
import importlib
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from emma_eval import __version__
from emma_eval.cli import main as desk
from emma_eval.cli.arguments import Parser
from emma_eval.errors import UserError

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "pandas", "datasets", "open_clip", "numpy")


class Command:
    """A command that does what a test wants."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error, self.args = error, None

    def add_arguments(self, parser):
        parser.add_argument("--model")
        parser.add_argument("--tasks")

    def run(self, args):
        self.args = args
        if self.error:
            raise self.error
        return 0


@pytest.fixture
def command(monkeypatch):
    def install(error=None):
        fake = Command(error)
        monkeypatch.setattr(desk.importlib, "import_module", lambda name: fake)
        return fake

    return install


def test_run_is_the_default_command(command):
    fake = command()
    assert desk.main(["--model", "m", "--tasks", "t"]) == 0
    assert (fake.args.model, fake.args.tasks) == ("m", "t")
    assert desk.split_command([]) == ("run", [])
    assert desk.split_command(["--model", "m"]) == ("run", ["--model", "m"])


def test_a_user_error_is_one_line_and_exit_code_2(command, capsys):
    command(UserError("no such thing; do this"))
    assert desk.main(["run"]) == 2
    assert capsys.readouterr().err == "error: no such thing; do this\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["runn"], "error: unknown command 'runn'; did you mean 'run'?"),
        (["frobnicate"], "error: unknown command 'frobnicate'; `emma-eval --help` lists them"),
        (["leaderbord"], "did you mean 'leaderboard'?"),
        (["run", "--modle", "x"], "unknown option --modle; did you mean '--model'?"),
        (["run", "extra"], "error: one argument too many: 'extra' (see emma-eval run --help)\n"),
        (["run", "--limit", "1.5"], "error: argument --limit: '1.5' is not a whole number above 0"),
        (["score", "--limit", "-3"], "error: argument --limit: '-3' is not a whole number above 0"),
        (["ask", "--max-new-tokens", "abc"], "error: argument --max-new-tokens: 'abc' is not a whole number"),
        (["run", "--seed", "9" * 40], "is not a whole number of at most 18 digits"),
        (["run", "--batch-size", "big"], "'big' is not a whole number above 0, nor auto"),
        (["show"], "error: the following arguments are required: TASK"),
        (["show", "mini"], "error: 'mini' is a group; one task is expected: vqav2_mini, gqa_mini"),
        (["--modle=x"], "did you mean '--model'?"),
        (["--verion"], "did you mean '--version'?"),
        (["run", "--version"], "unknown option --version; `emma-eval --version` prints it"),
    ],
)
def test_a_typo_is_exit_code_2_and_suggests_the_nearest_name(capsys, argv, words):
    assert desk.main(argv) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["run", "noise", "judge"])
def test_ctrl_c_says_how_to_resume(command, capsys, name):
    command(KeyboardInterrupt())
    assert desk.main([name]) == 130
    assert "the same command goes on where it stopped" in capsys.readouterr().err


def test_ctrl_c_of_a_command_that_keeps_nothing_says_no_more(command, capsys):
    command(KeyboardInterrupt())
    assert desk.main(["check"]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EFBIG, "a file is larger than is allowed"),
    ],
)
def test_a_full_disk_is_one_line_and_exit_code_2(command, capsys, number, words):
    command(OSError(number, "No space left on device", "/runs/x"))
    assert desk.main(["run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {words}: /runs/x; nothing answered is lost")


def test_a_missing_permission_is_one_line_and_exit_code_2(command, capsys):
    command(PermissionError(errno.EACCES, "Permission denied", "/runs/x"))
    assert desk.main(["leaderboard"]) == 2
    assert capsys.readouterr().err == "error: Permission denied: /runs/x\n"


def test_an_unexpected_exception_keeps_its_traceback(command):
    command(KeyError("x"))
    with pytest.raises(KeyError):
        desk.main(["run"])


def test_version_is_printed(capsys):
    assert desk.main(["--version"]) == 0
    assert capsys.readouterr().out == f"emma-eval {__version__}\n"


def test_help_names_every_command(capsys):
    assert desk.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in desk.COMMANDS)


@pytest.mark.parametrize("name", desk.COMMANDS)
def test_every_command_has_its_help(name, capsys):
    assert desk.main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"emma-eval {name}" in shown
    assert desk.main(["help", name]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("name", desk.COMMANDS)
def test_every_argument_is_explained_and_an_example_is_given(name):
    parser = Parser(name, "")
    importlib.import_module(desk.COMMANDS[name][0]).add_arguments(parser)
    assert all(action.help and not action.help.startswith("(") for action in parser._actions)
    assert "emma-eval" in parser.epilog


@pytest.mark.parametrize("argv", [["--help"], ["list", "tasks"], ["run", "--help"], ["leaderboard", "--help"]])
def test_help_and_list_import_nothing_heavy(argv):
    script = (
        "import sys; from emma_eval.cli.main import main; code = main(sys.argv[1:]); "
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules)); sys.exit(f'imported {{heavy}}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *argv], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def cpu_seconds(*argv):
    """User and system time of a command, start-up included; unlike wall time it hardly depends on the load."""

    def spent():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    subprocess.run([sys.executable, "run_eval.py", *argv], cwd=ROOT, capture_output=True, check=True)
    return spent() - before


@pytest.mark.parametrize(("argv", "limit"), [(["--help"], 0.3), (["list", "tasks"], 0.5)])
def test_help_and_list_are_quick(argv, limit):
    assert min(cpu_seconds(*argv) for _ in range(3)) < limit


@pytest.mark.parametrize("arguments", ["--help", "list groups"])
def test_a_closed_pipe_is_quiet(arguments):
    command = f"(sleep 0.2; {sys.executable} run_eval.py {arguments}; echo $? >&2) | true"  # the reader is gone by then
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == "141\n"
