"""TensorBoard: `--log tensorboard:DIR`, an event file in a folder of the run's name below DIR."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.loggers.base import import_package
from emma_eval.loggers.content import SCORE_COLUMNS, LoggedRun, ScoreRow
from emma_eval.loggers.samples import COLUMNS, LoggedSample
from emma_eval.reports.markdown import escape_markdown
from emma_eval.utils.file_errors import describe_os_error

TEXT_COLUMNS = [column for column in COLUMNS if column not in ("task", "image")]


class TensorboardLogger:
    """Logs to a folder; runs in one folder are compared."""

    def __init__(self, name: str) -> None:
        import_package("tensorboard")
        self._root = Path(name).expanduser().absolute()
        try:
            self._root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{describe_os_error(error)}; name a folder for event files") from error

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def log(self, run: LoggedRun) -> str:
        """Write one event file, in place of that of an earlier session: numbers, tables as text, images."""
        import numpy as np
        from PIL import Image
        from torch.utils.tensorboard import SummaryWriter

        suffix = f".emma-eval-{run.key}"  # by which a later session of the same run finds its file
        earlier = list(self._root.glob(f"*/events.out.tfevents.*{suffix}"))
        folder = earlier[0].parent if earlier else self._new_folder(run.folder.resolve().name)
        with SummaryWriter(str(folder), filename_suffix=suffix) as writer:
            for name, value in run.numbers.items():
                writer.add_scalar(name, value, 0, new_style=True, double_precision=True)
            writer.add_text("run/config", _code(run.config), 0)
            writer.add_text("run/scores", _score_table(run.scores), 0)
            for task, samples in run.samples():
                writer.add_text(f"samples/{task}", _sample_table(samples), 0)
                for sample in samples:
                    if sample.image is not None:
                        pixels = np.asarray(Image.open(BytesIO(sample.image)))
                        writer.add_image(f"{task}/{sample.id}", pixels, 0, dataformats="HWC")
        for path in earlier:
            path.unlink(missing_ok=True)
        return f"tensorboard --logdir {self._root}"

    def _new_folder(self, name: str) -> Path:
        """Make the folder `name`, or `name-2`, ..., that no other run has."""
        for number in count(1):
            folder = self._root / (name if number == 1 else f"{name}-{number}")
            with suppress(FileExistsError):  # by another run, perhaps this very moment
                folder.mkdir(parents=True)
                return folder
        raise AssertionError("numbers do not end")


def _code(config: Any) -> str:
    """As a block of code in Markdown, whose lines are indented."""
    return "\n".join(f"    {line}" for line in json.dumps(config, indent=1, ensure_ascii=False).splitlines())


def _score_table(rows: Sequence[ScoreRow]) -> str:
    return _table(SCORE_COLUMNS, [astuple(row) for row in rows])


def _sample_table(samples: Sequence[LoggedSample]) -> str:
    return _table(TEXT_COLUMNS, [[getattr(sample, name) for name in TEXT_COLUMNS] for sample in samples])


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; no text can break it."""
    cells = [["" if cell is None else escape_markdown(str(cell)) for cell in row] for row in rows]
    lines = [list(columns), ["---"] * len(columns), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
