"""Keys and passwords are in no message, file or list of processes."""

import json
import sys
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from emma_eval.errors import UserError, without_secrets
from emma_eval.models.base import ModelSpec
from emma_eval.runs.settings import RunSettings
from tests.fakes import run_pope, write_pope

TOKEN = "hf_abcdefghij0123456789"
SIGNED = "https://cdn.example.org/data.parquet?X-Amz-Expires=3600&X-Amz-Signature=0123abcd&Key-Pair-Id=K1&part=2"


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "OPENAI_API_KEY", "WANDB_API_KEY", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY"]
)
def test_what_such_a_variable_holds_is_in_no_message(monkeypatch, name):
    monkeypatch.setenv(name, TOKEN)
    assert str(UserError(f"401 for Bearer {TOKEN}, {TOKEN}!")) == f"401 for Bearer [{name}], [{name}]!"


def test_a_signature_in_an_address_is_in_no_message_and_its_other_parts_are():
    message = str(UserError(f"403 Forbidden for url '{SIGNED}'"))
    assert "0123abcd" not in message
    assert "K1" not in message
    assert "cdn.example.org/data.parquet?X-Amz-Expires=3600" in message
    assert "part=2" in message


def test_a_page_that_is_found_by_a_query_keeps_it():
    address = "https://openreview.net/forum?id=abc&noteId=def"
    assert without_secrets(address) == address


def test_the_address_of_a_mirror_loses_its_password(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://me:{TOKEN}@127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    from emma_eval.utils.hub import require_hub_reachable

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(UserError, match=r"the hub http://127\.0\.0\.1:9 cannot be reached"):
        require_hub_reachable()


def test_a_word_that_stands_for_no_key_stays(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    assert str(UserError("EMPTY answers")) == "EMPTY answers"


def test_the_recorded_command_has_no_password(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(sys, "argv", ["run_eval.py", "--log", f"mlflow:http://me:pass@host/{TOKEN}"])
    write_pope(tmp_path / "data")
    run_pope(tmp_path / "data", tmp_path / "run")
    (session,) = json.loads((tmp_path / "run/manifest.json").read_text())["sessions"]
    assert session["command"] == ["run_eval.py", "--log", "mlflow:http://host/[HF_TOKEN]"]
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) >= 8
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_an_option_with_a_key_is_refused_without_repeating_it(capsys):
    assert main(["run", "--model", "openai:m", "--base-url", f"http://u:{TOKEN}@h/v1", "--tasks", "pope_mini"]) == 2
    assert main(["run", "--model", "openai:m", "--model-option", f"api_key={TOKEN}", "--tasks", "pope_mini"]) == 2
    shown = capsys.readouterr()
    assert TOKEN not in shown.out + shown.err


def test_no_process_is_given_a_secret_in_its_arguments(monkeypatch):
    """Replicas get their job by a socket: `ps` shows an interpreter, a number and the import path."""
    from emma_eval.inference.replicas import processes

    given = []

    class Started:
        pid = 1

        def __init__(self, argv, **options):
            given.append((argv, options))
            raise OSError("enough")

    monkeypatch.setenv("OPENAI_API_KEY", TOKEN)
    monkeypatch.setattr(processes.subprocess, "Popen", Started)
    job = RunSettings(model=ModelSpec("openai:m", options={"key_env": "OPENAI_API_KEY"}), tasks=(), suite="x")
    with pytest.raises(OSError, match="enough"):
        processes.ProcessFleet(job, [{}]).start(0)  # type: ignore[arg-type]
    ((argv, _),) = given
    assert argv[0] == sys.executable
    assert TOKEN not in " ".join(map(str, argv))


def test_no_secret_is_in_the_repository():
    """Words that real keys begin with, in every file of the project."""
    root = Path(__file__).parents[2]
    begins = [word.encode() for word in ("AKIA" + "IOSF", "ghp" + "_", "xox" + "b-", "-----BEGIN " + "PRIVATE KEY")]
    files = [path for folder in ("emma_eval", "tasks", "docs", ".github") for path in (root / folder).rglob("*.*")]
    assert len(files) > 500
    assert not [path for path in files if path.is_file() and any(word in path.read_bytes() for word in begins)]
