"""Rows of a data set on the Hugging Face hub, downloaded or not, or of a local folder in its layout."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.data.hub.arrow_cache import image_columns, load_arrow_cache, save_arrow_cache
from emma_eval.data.hub.snapshot import ARROW_FOLDER, HUB_FOLDER, Split, repository_folder, split_path
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageBytes
from emma_eval.tasks.reader import Row
from emma_eval.utils.data_roots import require_inside_data_root
from emma_eval.utils.files import read_bytes
from emma_eval.utils.hub import describe_hub_error, fail_fast_and_quietly, require_valid_endpoint
from emma_eval.utils.progress_bars import can_draw_bars
from emma_eval.utils.text import error_message

if TYPE_CHECKING:
    from emma_eval.tasks.sections import HubConfig

_BATCH_ROWS = 1000  # converted to Python objects at a time


def hub_rows(hub: HubConfig, root: Path | None = None, snapshot: Sequence[Split] = ()) -> Iterable[Row]:
    """The rows of a split, each image column as an ImageSource, a list of them, or None; a HubTable if possible.

    They come from the snapshot below the data root `root`, if there is one, else from the hub or its cache. Raises
    UserError, one line, when the data set cannot be loaded.
    """
    splits = {split.config: split for split in snapshot}

    def table_of(config: str | None) -> HubTable:
        name = hub.id if config is None else f"{hub.id} ({config})"
        return _read_snapshot(name, root, hub, splits[config]) if root and splits else _load_from_hub(name, hub, config)

    table = table_of(hub.config)
    return table if hub.images is None else _with_images(table, table_of(hub.images.config), hub.images.key)


def _with_images(questions: HubTable, images: HubTable, key: str) -> Iterator[Row]:
    """Rows with the images of another configuration. Raises UserError where one is missing."""
    by_id = {row["id"]: row["image"] for row in images}
    for row in questions:
        if row[key] not in by_id:
            raise UserError(f"{images.name}: no image has the id {row[key]!r} that a question names")
        yield {**row, "image": by_id[row[key]]}


class HubTable:
    """The split of one configuration, by rows or by columns; an image is read when it is opened."""

    def __init__(self, name: str, table: Any, images: Sequence[str], folders: Sequence[Path] = ()) -> None:
        """Raises UserError for a damaged table, whose texts are not UTF-8, say: Arrow trusts what it reads."""
        from pyarrow import ArrowInvalid

        try:
            table.validate(full=True)
        except ArrowInvalid as error:
            raise UserError(f"{name}: its table is damaged: {error_message(error)[:200]}") from error
        self.name = name
        self.folders = [Path(os.path.realpath(folder)) for folder in folders]  # that its rows may name files in
        self.cells = table.drop_columns(list(images))  # an Arrow table without the image columns
        self.images = {column: table.column(column) for column in images}

    def __iter__(self) -> Iterator[Row]:
        sources = {column: self.image_sources(column) for column in self.images}
        names = self.cells.column_names
        index = 0
        for batch in self.cells.to_batches(max_chunksize=_BATCH_ROWS):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                images = {column: source(index) for column, source in sources.items()}
                yield dict(zip(names, values, strict=True)) | images
                index += 1

    def image_sources(self, column: str) -> Callable[..., Any]:
        """A function of row index, and image name if known, that returns the row's image, a list of them, or None.

        Images are decoded when they are opened; which rows have none is read from the table.
        """
        cells = self.images[column]

        def image(index: int, image_name: str = "", position: int | None = None) -> ImageBytes:
            def load() -> bytes:
                cell = (cells[index] if position is None else cells[index][position]).as_py()
                return _bytes_of(cell, self.folders)

            return ImageBytes(f"{self.name}, row {index}", load, image_name)

        if str(cells.type).startswith(("list", "large_list")):
            lengths = [length for chunk in cells.chunks for length in chunk.value_lengths().to_pylist()]
            return lambda index: [image(index, "", position) for position in range(lengths[index] or 0)]
        if not cells.null_count:
            return image
        valid = cells.is_valid().to_pylist()
        return lambda index, image_name="": image(index, image_name) if valid[index] else None


def _bytes_of(cell: Any, folders: Sequence[Path]) -> bytes:
    """The encoded image of a cell. Raises ValueError for a path that leads out of the data set.

    A data set of image files has their absolute paths in its cells; no other path is opened.
    """
    content, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (None, None)
    if content or not path:
        return content or b""
    real = Path(os.path.realpath(path))
    if not Path(path).is_absolute() or not any(real.is_relative_to(folder) for folder in folders):
        raise ValueError(f"the row holds no image but the path {path!r:.200}, which is not in the data set")
    return read_bytes(real)


def _cache_folders(name: str) -> list[Path]:
    """Where the hub's clients keep the image files of a data set that has no tables."""
    from datasets import config
    from huggingface_hub import constants

    return [Path(constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}", Path(config.EXTRACTED_DATASETS_PATH)]


def _read_snapshot(name: str, root: Path, hub: HubConfig, split: Split) -> HubTable:
    """A split from its downloaded files, converted to Arrow once. Raises UserError for files that cannot be read."""
    folder = repository_folder(root, split.id)
    for file in split.files:
        require_inside_data_root(folder / file.path)
    cache_path = split_path(root, hub, split.config).with_suffix(".prepared.json")
    arrow_folder = root / HUB_FOLDER / ARROW_FOLDER
    try:
        cache = load_arrow_cache(cache_path, split, arrow_folder)
        if cache is None:
            cache = save_arrow_cache(cache_path, split, _convert(folder, split, arrow_folder), arrow_folder)
        return HubTable(name, cache.table(arrow_folder), cache.images, [folder, arrow_folder])
    except Exception as error:  # the readers of `datasets` raise many kinds; so does a full disk
        raise UserError(f"{folder}: cannot be read: {error_message(error)[:200]}; see `data verify`") from error


def _convert(folder: Path, split: Split, arrow_folder: Path) -> Any:
    """The data set, converted to Arrow files unless `datasets` has done so before."""
    from datasets import Features, load_dataset

    _draw_bars_on_terminals_alone()
    paths = [str(folder / file.path) for file in split.files]
    features = Features.from_dict(split.features) if split.features else None
    with fail_fast_and_quietly():
        return load_dataset(
            split.builder,
            data_files={split.split: paths},
            split=split.split,
            features=features,
            cache_dir=str(arrow_folder),
        )


def _draw_bars_on_terminals_alone() -> None:
    from datasets import disable_progress_bars

    if not can_draw_bars():
        disable_progress_bars()


def _load_from_hub(name: str, hub: HubConfig, config: str | None) -> HubTable:
    require_valid_endpoint()
    from datasets import load_dataset

    _draw_bars_on_terminals_alone()
    reach = nullcontext() if Path(hub.id).exists() else fail_fast_and_quietly()
    try:
        with reach:
            dataset = load_dataset(hub.id, config, split=hub.split, revision=hub.revision)
    except Exception as error:  # the hub's client raises its own, the network's and the disk's errors
        reason = describe_hub_error(error, for_data=True)[:300]
        raise UserError(
            f"data set {name}, split {hub.split}, cannot be had: {reason}; check the network and the name, or give the "
            "official files with --data ROOT"
        ) from error
    folders = [Path(hub.id)] if Path(hub.id).exists() else _cache_folders(hub.id)
    return HubTable(name, dataset.with_format("arrow")[:], image_columns(dataset.features), folders)
