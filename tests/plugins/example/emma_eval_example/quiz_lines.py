"""A reader: a line a question, `image | question | answer`."""

from __future__ import annotations

from pathlib import Path

from emma_eval.data.readers.parsing import rows_to_samples
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader
from emma_eval.types import Sample
from emma_eval.utils.files import read_text, safe_relative_path


def _read_files(files: Files) -> list[Sample]:
    folder = files.get("images", Path())

    def sample(numbered: tuple[int, str]) -> Sample:
        number, line = numbered
        image, question, answer = (cell.strip() for cell in line.split("|"))
        return Sample(str(number), question, (ImageFile(folder, safe_relative_path(image)),), (answer,))

    lines = read_text(files["quiz"]).splitlines()
    return rows_to_samples(files["quiz"], enumerate(lines), sample, first=1)


READER = Reader(_read_files, required=("quiz",), folders=("images",))
