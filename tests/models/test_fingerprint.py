"""One hash for all files that decide a model's answers, wherever they lie."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.models import weights_fingerprint
from tests.tiny_checkpoint import EMMA

PARTS = [
    "tiny-emma/config.json",
    "tiny-emma/model.safetensors",
    "tiny-emma/vision_tower.bin",
    "tiny-emma/tokenizer.model",
    "tiny-emma/tokenizer_config.json",
    "tiny-clip/config.json",
    "tiny-clip/pytorch_model.bin",
    "tiny-clip/preprocessor_config.json",
]


def test_place_and_other_files_do_not_matter(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path / "here")
    before = weights_fingerprint(folder)
    shutil.move(tmp_path / "here", tmp_path / "there")
    (tmp_path / "there" / "tiny-emma" / "README.md").write_text("a model card")
    assert weights_fingerprint(str(tmp_path / "there" / "tiny-emma")) == before
    assert len(before) == 64


@pytest.mark.parametrize("part", PARTS)
def test_every_part_matters(part: str, tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    before = weights_fingerprint(folder)
    with (tmp_path / part).open("ab") as file:
        file.write(b" ")
    assert weights_fingerprint(folder) != before


def test_a_missing_model_is_a_clear_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nor a folder"):
        weights_fingerprint(tmp_path / "nothing" / "here" / "at all")


def test_it_needs_no_torch(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    code = (
        "import sys; from emma_eval.models import weights_fingerprint, list_models; list_models(); "
        f"weights_fingerprint({str(folder)!r}); assert not {{'torch', 'transformers'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
