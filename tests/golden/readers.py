"""Golden folders through the package's own readers: they have the official file layouts."""

from pathlib import Path

from emma_eval.readers.registry import get_reader
from emma_eval.types import Sample


def read_golden(reader: str, **files: Path) -> list[Sample]:
    return list(get_reader(reader).read_files(files))
