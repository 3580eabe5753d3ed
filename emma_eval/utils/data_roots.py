"""What lies below a folder stays there: no `..`, no symbolic link leads from data, or from a run, to other files."""

# ruff: noqa: PTH109, PTH114, PTH118, PTH206
# `require_inside_data_root` is called for every image, and pathlib takes three times as long.

from __future__ import annotations

import os
from pathlib import Path

from emma_eval.errors import UserError

_DATA_ROOTS: dict[Path, Path] = {}  # a root's absolute path -> the folder that holds whatever links may lead to


def register_data_root(root: Path) -> None:
    """Make `require_inside_data_root` refuse links that lead from below this folder to outside of it."""
    _DATA_ROOTS[root.absolute()] = _allowed_folder(root)


def data_roots() -> tuple[Path, ...]:
    """The absolute paths that were registered, for another process to register."""
    return tuple(_DATA_ROOTS)


def require_inside_data_root(path: Path) -> None:
    """Raise UserError for a path below a data root whose symbolic links lead out of it.

    Otherwise a downloaded data set could have any file of this machine sent to a model and shown in a report.
    """
    below = os.path.join(os.getcwd(), path)
    roots = [root for root in _DATA_ROOTS if below.startswith(os.path.join(root, ""))]
    if not roots or not _may_lead_out(str(roots[0]), below):
        return
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(_DATA_ROOTS[root]) for root in roots):
        raise UserError(
            f"{path}: a symbolic link leads out of the data root, to {real}; put the file or folder itself there "
            "(`cp -rL`, or a bind mount)"
        )


def _may_lead_out(root: str, path: str) -> bool:
    """Whether a link or `..` stands anywhere below the root. Without one, what the root itself is does not matter."""
    place = root
    for part in path[len(root) :].split(os.sep):
        place = f"{place}{os.sep}{part}" if part else place
        if part == ".." or os.path.islink(place):
            return True
    return False


def require_inside_folder(path: Path, folder: Path) -> None:
    """Raise UserError where `..` or symbolic links lead from a path of a run or data set outside of its folder."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise UserError(f"{path}: a symbolic link leads out of {folder}; it is not followed, delete it")


def _allowed_folder(root: Path) -> Path:
    """The root's real path. For a snapshot in the Hugging Face cache, with its links to `blobs`: the repository's."""
    real = Path(os.path.realpath(root))
    return real.parent.parent if real.parent.name == "snapshots" else real
