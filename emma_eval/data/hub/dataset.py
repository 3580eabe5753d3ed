"""Rows of a data set on the Hugging Face hub, fetched or not, or of a local folder in its layout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.data.hub.arrow_cache import image_columns, remember, remembered
from emma_eval.data.hub.snapshot import FOLDER, PREPARED, Split, fetched_splits, repository_folder, split_file
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageBytes
from emma_eval.tasks.reader import Row
from emma_eval.utils.files import read_bytes, require_inside_data_root
from emma_eval.utils.hub import describe_hub_error, fail_fast_and_quietly, require_valid_endpoint
from emma_eval.utils.text import error_message

if TYPE_CHECKING:
    from emma_eval.tasks.sections import HubConfig

_BATCH = 1000  # rows turned into Python objects at a time


def hub_rows(hub: HubConfig, root: Path | None = None) -> Iterable[Row]:
    """The rows of a split, each image column as an ImageSource, a list of them, or None; a HubTable if they can.

    They come from what was fetched below the data root `root`, else from the hub or its cache. Raises UserError, one
    line, when the data set cannot be had.
    """
    fetched = {split.config: split for split in fetched_splits(root, hub)}

    def table_of(config: str | None) -> HubTable:
        name = hub.id if config is None else f"{hub.id} ({config})"
        return _fetched(name, root, hub, fetched[config]) if root and fetched else _load(name, hub, config)

    table = table_of(hub.config)
    return table if hub.images is None else _with_images(table, table_of(hub.images.config), hub.images.key)


def _with_images(questions: HubTable, images: HubTable, key: str) -> Iterator[Row]:
    """Rows with the images that another configuration keeps. Raises UserError where one is missing."""
    by_id = {row["id"]: row["image"] for row in images}
    for row in questions:
        if row[key] not in by_id:
            raise UserError(f"{images.name}: no image has the id {row[key]!r} that a question names")
        yield {**row, "image": by_id[row[key]]}


class HubTable:
    """One configuration's split, by rows or by columns; images stay where they are until they are opened."""

    def __init__(self, name: str, table: Any, images: Sequence[str], folders: Sequence[Path] = ()) -> None:
        self.name = name
        self.folders = [Path(os.path.realpath(folder)) for folder in folders]  # where its rows may name files
        self.texts = table.drop_columns(list(images))  # all but the images
        self.images = {column: table.column(column) for column in images}

    def __iter__(self) -> Iterator[Row]:
        sources = {column: self.sources(column) for column in self.images}
        names = self.texts.column_names
        number = 0
        for batch in self.texts.to_batches(max_chunksize=_BATCH):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                images = {column: source(number) for column, source in sources.items()}
                yield dict(zip(names, values, strict=True)) | images
                number += 1

    def sources(self, column: str) -> Callable[..., Any]:
        """Row number, and the image's own name if known -> that row's image, a list of them, or None.

        Which rows have none is known from the table, not from the bytes.
        """
        cells = self.images[column]

        def image(number: int, known_as: str = "", position: int | None = None) -> ImageBytes:
            def load() -> bytes:
                cell = (cells[number] if position is None else cells[number][position]).as_py()
                return _bytes_of(cell, self.folders)

            return ImageBytes(f"{self.name}, row {number}", load, known_as)

        if str(cells.type).startswith(("list", "large_list")):
            lengths = [length for chunk in cells.chunks for length in chunk.value_lengths().to_pylist()]
            return lambda number: [image(number, "", position) for position in range(lengths[number] or 0)]
        if not cells.null_count:
            return image
        there = cells.is_valid().to_pylist()
        return lambda number, known_as="": image(number, known_as) if there[number] else None


def _bytes_of(cell: Any, folders: Sequence[Path]) -> bytes:
    """The encoded image of a cell. Raises ValueError for one without, or with a path that leads out of the data set.

    A data set of image files has their absolute paths in its cells; any other path is a stranger's.
    """
    held, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (None, None)
    if held or not path:
        return held or b""
    real = Path(os.path.realpath(path))
    if not Path(path).is_absolute() or not any(real.is_relative_to(folder) for folder in folders):
        raise ValueError(f"the row holds no image but the path {path!r:.200}, which is not in the data set")
    return read_bytes(real)


def _cache_folders(name: str) -> list[Path]:
    """Where the hub's clients keep the files of a data set that has image files instead of tables."""
    from datasets import config
    from huggingface_hub import constants

    return [Path(constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}", Path(config.EXTRACTED_DATASETS_PATH)]


def _fetched(name: str, root: Path, hub: HubConfig, split: Split) -> HubTable:
    """A split from its fetched files, prepared once. Raises UserError for files that cannot be read."""
    folder = repository_folder(root, split.id)
    for file in split.files:
        require_inside_data_root(folder / file.path)
    note = split_file(root, hub, split.config).with_suffix(".prepared.json")
    prepared = root / FOLDER / PREPARED
    try:
        known = remembered(note, split, prepared)
        if known is None:
            known = remember(note, split, _prepare(folder, split, prepared), prepared)
        return HubTable(name, known.table(prepared), known.images, [folder, prepared])
    except Exception as error:  # whatever the readers stumble over; a full disk too, in words of their own
        raise UserError(f"{folder}: cannot be read: {error_message(error)[:200]}; see `data verify`") from error


def _prepare(folder: Path, split: Split, prepared: Path) -> Any:
    """The data set, turned into Arrow files if that was not done before."""
    from datasets import Features, disable_progress_bars, load_dataset

    if not sys.stderr.isatty():
        disable_progress_bars()
    paths = [str(folder / file.path) for file in split.files]
    features = Features.from_dict(split.features) if split.features else None
    with fail_fast_and_quietly():
        return load_dataset(
            split.builder,
            data_files={split.split: paths},
            split=split.split,
            features=features,
            cache_dir=str(prepared),
        )


def _load(name: str, hub: HubConfig, config: str | None) -> HubTable:
    require_valid_endpoint()
    from datasets import load_dataset

    reach = nullcontext() if Path(hub.id).exists() else fail_fast_and_quietly()
    try:
        with reach:
            dataset = load_dataset(hub.id, config, split=hub.split, revision=hub.revision)
    except Exception as error:  # the hub's client raises its own, the network's and the disk's errors
        reason = describe_hub_error(error)[:300]
        raise UserError(
            f"data set {name}, split {hub.split}, cannot be had: {reason}; check the network and the name, or give the "
            "official files with --data ROOT"
        ) from error
    folders = [Path(hub.id)] if Path(hub.id).exists() else _cache_folders(hub.id)
    return HubTable(name, dataset.with_format("arrow")[:], image_columns(dataset.features), folders)
