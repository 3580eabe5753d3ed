"""The regression gate fails for emma-mini broken in three ways that raise no exception."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from torch import nn

import emma_eval.models.emma.loading
import emma_eval.tasks.loading
from emma_eval.cli.main import main
from emma_eval.models import ModelHandle
from emma_eval.models.base import ModelSpec
from emma_eval.models.clip.text_tokenizer import CONTEXT_LENGTH, tokenize_instruction
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import RunSettings
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.loading import load_task

pytestmark = pytest.mark.slow

TASKS = ("vqav2_mini", "mmbench_mini", "seed_mini")
END_OF_TEXT = 49407
STRICT = "{alpha: 1, smallest_effect: 1.5, changed: 1.5}"  # as the committed tolerances


def run_of(folder: Path, handle: type[ModelHandle] = ModelHandle) -> Path:
    """A run of emma-mini on three tasks."""
    spec = ModelSpec("emma-mini", device="cpu", dtype="float32")
    run_evaluation(RunSettings(model=spec, tasks=TASKS, suite="mini"), folder, PlainProgress(), handle(spec))
    return folder


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    path = folder / "baseline.json"
    assert main(["baseline", str(run_of(folder / "run")), "--output", str(path)]) == 0
    return path


def failed_tasks(run: Path, baseline: Path, tolerances: str = "{}") -> set[str]:
    """The tasks in which the gate fails; its exit code is 1 exactly when there are any."""
    report, limits = run / "junit.xml", run / "tolerances.yaml"
    limits.write_text(tolerances, encoding="utf-8")
    options = ["--baseline", str(baseline), "--junit", str(report), "--tolerances", str(limits)]
    code = main(["regress", str(run), *options])
    cases = ElementTree.parse(report).iter("testcase")
    failed = {str(case.get("classname")) for case in cases if case.find("failure") is not None}
    assert code == int(bool(failed))
    return failed


def test_the_same_model_passes(baseline, tmp_path):
    assert failed_tasks(run_of(tmp_path), baseline, STRICT) == set()


def test_the_committed_baseline_is_met_and_has_every_metric(tmp_path, capsys):
    baselines = Path(__file__).parents[2] / "results" / "baselines"
    gate = ["--baseline", str(baselines / "emma-mini.json.xz"), "--tolerances", str(baselines / "tolerances.yaml")]
    assert main(["run", "--output", str(tmp_path), "--device", "cpu", "--dtype", "float32"]) == 0
    assert main(["regress", str(tmp_path), *gate]) == 0
    assert "not in the baseline" not in capsys.readouterr().out


def test_an_alignment_that_ignores_the_question_fails(baseline, tmp_path):
    class WithIdentity(ModelHandle):
        def load(self):
            model = super().load()
            nn.init.eye_(model.model.alignment.image_text_infusion.weight)
            nn.init.zeros_(model.model.alignment.image_text_infusion.bias)
            return model

    assert "vqav2_mini" in failed_tasks(run_of(tmp_path, WithIdentity), baseline, STRICT)


def test_a_wrong_prompt_suffix_fails_in_its_task_only(baseline, tmp_path, monkeypatch):
    def with_wrong_suffix(name: str, folder: Path | None = None) -> TaskConfig:
        task = load_task(name, folder)
        suffix = "Answer with the option's letter from the given choices directly."
        prompt = task.prompt.model_copy(update={"suffix": suffix})
        return task.model_copy(update={"prompt": prompt}) if name == "vqav2_mini" else task

    monkeypatch.setattr(emma_eval.tasks.loading, "load_task", with_wrong_suffix)
    assert failed_tasks(run_of(tmp_path), baseline) == {"vqav2_mini"}


def test_an_instruction_padded_with_the_end_of_text_fails(baseline, tmp_path, monkeypatch):
    """EMMA reads the padded positions, so that the wrong padding id is another question to it."""

    def padded(text: str) -> tuple[int, ...]:
        ids = tokenize_instruction(text)
        text_ids = ids[: ids.index(END_OF_TEXT) + 1]
        return text_ids + (END_OF_TEXT,) * (CONTEXT_LENGTH - len(text_ids))

    monkeypatch.setattr(emma_eval.models.emma.loading, "tokenize_instruction", padded)
    assert failed_tasks(run_of(tmp_path), baseline) == set(TASKS)
