"""Rows of a data set on the Hugging Face hub, fetched or not, or of a local folder in its layout.

Pictures stay unread until they are opened.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.errors import UserError
from emma_eval.hub import at_once_and_quietly
from emma_eval.images import ImageBytes
from emma_eval.readers.fetched import FOLDER, PREPARED, Split, fetched_splits, repository_folder
from emma_eval.readers.registry import Row
from emma_eval.text import in_one_line

if TYPE_CHECKING:
    from emma_eval.task import HubConfig

_BATCH = 1000  # rows turned into Python objects at a time


def hub_rows(hub: HubConfig, root: Path | None = None) -> Iterator[Row]:
    """The rows of a split, each picture column as an ImageSource, a list of them, or None.

    They come from what was fetched below the data root `root`, else from the hub or its cache. Raises UserError, one
    line, when the data set cannot be had.
    """
    fetched = {split.config: split for split in fetched_splits(root, hub)}

    def table_of(config: str | None) -> _Table:
        name = hub.id if config is None else f"{hub.id} ({config})"
        return _Table(name, _fetched(root, fetched[config]) if root and fetched else _load(hub, config, name))

    table = table_of(hub.config)
    if hub.images is None:
        yield from table
        return
    pictures = {row["id"]: row["image"] for row in table_of(hub.images.config)}
    for row in table:
        picture = pictures.get(row[hub.images.key])
        if picture is None:
            where = f"{hub.id} ({hub.images.config})"
            raise UserError(f"{where}: no picture has the id {row[hub.images.key]!r} that a question names")
        yield {**row, "image": picture}


class _Table:
    """One configuration's split; iterating reads the other columns only."""

    def __init__(self, name: str, dataset: Any) -> None:
        from datasets import Image, List

        self.name = name
        self.pictures: list[str] = []
        for column, feature in dataset.features.items():
            if isinstance(feature, Image):
                dataset = dataset.cast_column(column, Image(decode=False))
                self.pictures.append(column)
            elif isinstance(feature, List) and isinstance(feature.feature, Image):
                dataset = dataset.cast_column(column, List(Image(decode=False)))
                self.pictures.append(column)
        self.dataset = dataset

    def __iter__(self) -> Iterator[Row]:
        texts = self.dataset.remove_columns(self.pictures)
        sources = {column: self._sources(column) for column in self.pictures}
        number = 0
        for batch in texts.iter(batch_size=_BATCH):
            for values in zip(*batch.values(), strict=True):
                images = {column: source(number) for column, source in sources.items()}
                yield dict(zip(batch, values, strict=True)) | images
                number += 1

    def _sources(self, column: str) -> Callable[[int], Any]:
        """Row number -> that row's picture(s); which rows have none is known from the table, not from the bytes."""
        only = self.dataset.select_columns([column])
        arrow = self.dataset.data.column(column)

        def picture(number: int, position: int | None = None) -> ImageBytes:
            def load() -> bytes:
                cell = only[number][column]
                cell = cell if position is None else cell[position]
                return cell["bytes"] or Path(cell["path"]).read_bytes()

            return ImageBytes(f"{self.name}, row {number}", load)

        if str(arrow.type).startswith(("list", "large_list")):
            lengths = [length for chunk in arrow.chunks for length in chunk.value_lengths().to_pylist()]
            return lambda number: [picture(number, position) for position in range(lengths[number] or 0)]
        there = arrow.is_valid().to_pylist()
        return lambda number: picture(number) if there[number] else None


def _fetched(root: Path, split: Split) -> Any:
    """A split from its fetched files. Raises UserError for files that cannot be read."""
    from datasets import Features, disable_progress_bars, load_dataset

    if not sys.stderr.isatty():
        disable_progress_bars()
    folder = repository_folder(root, split.id)
    paths = [str(folder / file.path) for file in split.files]
    features = Features.from_dict(split.features) if split.features else None
    prepared = str(root / FOLDER / PREPARED)
    try:
        with at_once_and_quietly():
            return load_dataset(
                split.builder, data_files={split.split: paths}, split=split.split, features=features, cache_dir=prepared
            )
    except Exception as error:  # whatever its readers stumble over; a full disk too, in words of their own
        raise UserError(f"{folder}: cannot be read: {in_one_line(error)[:200]}; see `data verify`") from error


def _load(hub: HubConfig, config: str | None, name: str) -> Any:
    from datasets import load_dataset

    reach = nullcontext() if Path(hub.id).exists() else at_once_and_quietly()
    try:
        with reach:
            return load_dataset(hub.id, config, split=hub.split, revision=hub.revision)
    except Exception as error:  # the hub's client raises its own, the network's and the disk's errors
        reason = in_one_line(error)[:200]
        raise UserError(
            f"data set {name}, split {hub.split}, cannot be had: {reason}; check the network and the name, or give the "
            "official files with --data ROOT"
        ) from error
