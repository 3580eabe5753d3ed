"""The folder that was likely meant by a path at which there is none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from emma_eval.utils.text import closest


def did_you_mean_folder(path: Path, holding: str) -> str:
    """`; did you mean 'runs/emma-7b'?` if a folder of like name is there, with a file `holding`; else empty."""
    beside: list[str] = []
    with suppress(OSError, ValueError):
        beside = [folder.name for folder in path.parent.iterdir() if (folder / holding).is_file()]
    meant = closest(path.name, beside)
    return f"; did you mean {str(path.parent / meant)!r}?" if meant and meant != path.name else ""
