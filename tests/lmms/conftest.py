"""A stand-in for lmms-eval, and a task written for it."""

import sys
from pathlib import Path

import datasets
import pytest

import emma_eval.lmms
from emma_eval.lmms.definition import load_definition
from emma_eval.lmms.installed import task_manager
from tests.lmms.quiz import SCORING, UTILS, YAML, png

FAKE = Path(__file__).parent / "fake"


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """lmms-eval 0.7.3 is installed, as far as this program can tell."""
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("lmms_eval", "loguru", "tenacity")]:
        del sys.modules[name]
    sys.modules.pop("emma_eval.lmms.model", None)
    vars(emma_eval.lmms).pop("model", None)
    task_manager.cache_clear()
    load_definition.cache_clear()


@pytest.fixture
def write_task(tmp_path):
    """A function that writes a task of two documents on each of `images` images, and returns its folder."""

    def write(name: str = "quiz", scoring: str = SCORING, images: int = 2, utils: str = UTILS) -> Path:
        folder = tmp_path / "tasks"
        folder.mkdir(exist_ok=True)
        rows = [
            {"question": f"What is {i}?", "answer": "YesNo"[3 * (i % 2) :][:3], "image": {"bytes": png(i // 2)}}
            for i in range(2 * images)
        ]
        features = datasets.Features(
            {"question": datasets.Value("string"), "answer": datasets.Value("string"), "image": datasets.Image()}
        )
        datasets.disable_progress_bars()
        datasets.Dataset.from_list(rows, features=features).to_parquet(folder / "rows.parquet")
        (folder / "utils.py").write_text(utils)
        (folder / f"{name}.yaml").write_text(YAML.format(name=name, folder=folder) + scoring)
        return folder

    return write
