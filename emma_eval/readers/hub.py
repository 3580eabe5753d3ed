"""Rows of a data set on the Hugging Face hub, or of a local folder in its layout; pictures stay unread until opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.errors import UserError
from emma_eval.hub import at_once_and_quietly
from emma_eval.images import ImageBytes
from emma_eval.readers.registry import Row
from emma_eval.text import in_one_line

if TYPE_CHECKING:
    from emma_eval.task import HubConfig

_BATCH = 1000  # rows turned into Python objects at a time


def hub_rows(hub: HubConfig) -> Iterator[Row]:
    """The rows of a split, each picture column as an ImageSource, a list of them, or None.

    Raises UserError, one line, when the data set cannot be had.
    """
    table = _Table(hub, hub.config)
    if hub.images is None:
        yield from table
        return
    pictures = {row["id"]: row["image"] for row in _Table(hub, hub.images.config)}
    for row in table:
        picture = pictures.get(row[hub.images.key])
        if picture is None:
            where = f"{hub.id} ({hub.images.config})"
            raise UserError(f"{where}: no picture has the id {row[hub.images.key]!r} that a question names")
        yield {**row, "image": picture}


class _Table:
    """One configuration's split; iterating reads the other columns only."""

    def __init__(self, hub: HubConfig, config: str | None) -> None:
        from datasets import Image, List

        self.name = hub.id if config is None else f"{hub.id} ({config})"
        dataset = _load(hub, config, self.name)
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
