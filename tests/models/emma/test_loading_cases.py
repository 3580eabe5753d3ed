"""Checkpoints that people meet: the reproducible cases of `shared/cases/loading` are refused or described."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.models import load_model, weights_fingerprint
from tests.loading_cases import LOADED, REFUSED
from tests.shared import needs_shared, shared

ROOT = Path(__file__).parents[3]
CASES = shared("cases/loading")

pytestmark = needs_shared("cases/loading")

CheckpointFolder = Callable[[str], Path]


@pytest.fixture(scope="module")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> CheckpointFolder:
    """The folder of a `case/checkpoint`; a case's script runs once."""
    folders: dict[str, Path] = {}

    def make(name: str) -> Path:
        case, _, checkpoint = name.partition("/")
        if case not in folders:
            folders[case] = tmp_path_factory.mktemp(case)
            before = list(sys.path)
            with pytest.MonkeyPatch.context() as patch, chdir(ROOT):
                patch.setitem(os.environ, "BUGS_WORK", str(folders[case]))
                patch.delitem(sys.modules, "kit", raising=False)
                patch.setattr(sys, "dont_write_bytecode", True)
                runpy.run_path(str(CASES / case / "make.py"))
            sys.path[:] = before
        return folders[case] / case[:2] / checkpoint

    return make


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_is_not_computed_is_refused_in_one_line(name: str, checkpoint_folder: CheckpointFolder) -> None:
    folder = checkpoint_folder(name)
    with pytest.raises(UserError) as failure:
        weights_fingerprint(folder)
        load_model(str(folder), device="cpu")
    message = str(failure.value)
    assert "\n" not in message
    for fragment in (str(folder), *REFUSED[name]):
        assert fragment in message


@pytest.mark.parametrize("name", LOADED)
def test_a_model_that_is_computed_is_loaded_and_described(name: str, checkpoint_folder: CheckpointFolder) -> None:
    assert LOADED[name] in load_model(str(checkpoint_folder(name)), device="cpu").summary
