"""`list`, `show`, `check` and `schema` as a user meets them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from emma_eval.tasks.loading import load_task
from emma_eval.tasks.sections import ExpectedConfig
from tests import tiny_datasets as tiny

HEAVY = ("torch", "transformers", "datasets", "pandas", "numpy", "PIL")


def test_list_tasks(capsys):
    assert main(["list", "tasks"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("mmbench_en "))
    assert "1,176 or 1,164" in row
    assert "MMBench EN (dev)" in row


def test_list_tasks_long_has_every_column_on_one_line_a_task(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")  # which a file or a pipe does not have
    assert main(["list", "tasks", "--long"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("mmbench_en "))
    assert "official*, exact_letters" in row
    assert "questions | hub lmms-lab" in row


def test_list_groups(capsys):
    assert main(["list", "groups"]) == 0
    assert "vqav2, gqa, vizwiz, scienceqa" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["list", "tasks"], ["list", "models"], ["list", "groups"], ["schema"]])
def test_nothing_heavy_is_imported(command):
    code = f"""
import sys
from emma_eval.cli.main import main
main({command!r})
sys.exit([name for name in {HEAVY!r} if name in sys.modules] or 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == 0, done.stderr


def test_show_by_number_and_by_id(tmp_path, capsys):
    tiny.seed(tmp_path)
    assert main(["show", "seed", "--sample", "1", "--data", str(tmp_path)]) == 0
    by_number = capsys.readouterr().out
    assert main(["show", "seed", "--sample", "101", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == by_number
    assert "sample: 101 (1 of 2)" in by_number
    assert str(tmp_path / "seed_bench/SEED-Bench-video-image/10_101.png") in by_number
    assert "instruction: What is shown?" in by_number
    assert "    A. a1\n" in by_number
    assert "expected answer: C" in by_number


def test_show_has_every_pass_of_a_circular_sample(tmp_path, capsys):
    tiny.mmbench(tmp_path)
    assert main(["show", "mmbench_en", "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.index("prompt of pass 0") < out.index("A. one") < out.index("prompt of pass 1") < out.index("A. two")


def test_show_an_unknown_sample(tmp_path, capsys):
    tiny.seed(tmp_path)
    assert main(["show", "seed", "--sample", "2", "--data", str(tmp_path)]) == 2
    assert "task seed has no sample with the id or number '2'" in capsys.readouterr().err


def test_check_without_data_checks_the_task_files(capsys):
    assert main(["check"]) == 0
    assert "no problems" in capsys.readouterr().out


def test_check_of_all_tasks_takes_no_offence_at_an_optional_package(monkeypatch, capsys):
    monkeypatch.setattr("emma_eval.data.readers.easy_vqa.find_spec", lambda name: None)
    assert main(["check"]) == 0
    assert "easy_vqa: task file is right (the task easy_vqa needs the package easy-vqa: " in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(["check", "easy_vqa"]) == 2
    assert "easy_vqa: PROBLEM: the task easy_vqa needs the package" in " ".join(capsys.readouterr().out.split())


def test_check_finds_wrong_counts_and_missing_data(tmp_path, capsys):
    tiny.seed(tmp_path)
    assert main(["check", "seed", "vqav2", "--data", str(tmp_path)]) == 2
    out = capsys.readouterr().out
    assert "seed: PROBLEM: 2 samples were read, 19,242 or 17,990 are expected" in out
    assert "vqav2: PROBLEM: data not found" in out
    assert "2 tasks checked, 2 problems" in out


def test_a_folder_without_data_is_no_success_of_verify(tmp_path, capsys):
    assert main(["data", "verify", "--data", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert f"there are no data of any task below {tmp_path}" in said.err
    assert not said.out


def test_check_finds_missing_images(tmp_path, capsys, monkeypatch):
    tiny.seed(tmp_path)
    (tmp_path / "seed_bench/SEED-Bench-video-image/10_101.png").rename(tmp_path / "x.png")
    task = load_task("seed_video").model_copy(update={"expected": ExpectedConfig(samples=(1,))})
    monkeypatch.setattr("emma_eval.tasks.loading.load_task", lambda name: task)
    assert main(["check", "seed_video", "--data", str(tmp_path)]) == 2
    out = capsys.readouterr().out
    assert "1 of 1 image cannot be used: " in out
    assert "10_101.png" in out
    (tmp_path / "x.png").rename(tmp_path / "seed_bench/SEED-Bench-video-image/10_101.png")
    assert main(["check", "seed_video", "--data", str(tmp_path)]) == 0
    assert "ok: 1 sample, 1 image\n" in capsys.readouterr().out


def test_schema_is_json(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "emma-eval task"
