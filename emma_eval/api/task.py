"""`load_task`: a benchmark's samples and requests, without a model."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from emma_eval.api.places import Folders, PathText, Places, as_paths
from emma_eval.errors import UserError
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.index import expand_tasks, task_names
from emma_eval.tasks.loading import load_task as load_config
from emma_eval.types import Request, Sample
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    import pandas as pd


class Task(Sequence[Sample]):
    """A task: a sequence of its Samples in the benchmark's order, read at the first use."""

    def __init__(
        self, config: TaskConfig, places: Places, limit: int | None, seed: int | None, *, allow_partial: bool
    ) -> None:
        self.config = config  # the task file, validated
        self._places, self._limit, self._seed = places, limit, seed
        self._allow_partial = allow_partial
        self._samples: Sequence[Sample] | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.config.name

    @property
    def samples(self) -> Sequence[Sample]:
        """All of them. Raises UserError if the data are missing, damaged, or not all there."""
        if self._samples is None:
            from emma_eval.data.loading import load_samples
            from emma_eval.data.selection import select_subset

            partial = self._allow_partial or self._limit is not None
            files = self._places.files.get(self.name)
            with self._places.known():
                read = load_samples(self.config, self._places.data, files=files, allow_partial=partial)
            self._samples = select_subset(read, self._limit, self._seed)
        return self._samples

    def requests(self, family: str | None = None) -> list[Request]:
        """What a model is asked: one request a sample, several for circular tasks, in the order of the samples.

        `family` (`emma`, `llava`, `mplug_owl2`) is whose wording is used, of tasks with several; the task's own by
        default. Raises UserError for a wording that the task does not have.
        """
        from emma_eval.prompts.building import build_requests

        config = self.config if family is None else self.config.with_wording(family)
        return list(build_requests(config, self.samples))

    @property
    def frame(self) -> pd.DataFrame:
        """A row a sample: id, question, references, options, hint, category, and the images' paths."""
        import pandas as pd

        names = ("id", "question", "references", "options", "hint", "category")
        rows: list[dict[str, Any]] = [
            {name: getattr(sample, name) for name in names} | {"images": [image.label for image in sample.images]}
            for sample in self.samples
        ]
        return pd.DataFrame(rows, columns=[*names, "images"])

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        return self.samples[index]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def __repr__(self) -> str:
        read = pluralize(len(self._samples), "sample") if self._samples is not None else "not read yet"
        return f"<Task {self.name}: {self.config.title}, split {self.config.split}, {read}>"


def load_task(  # noqa: PLR0913 (named choices, each of its own)
    name: str,
    *,
    data: PathText | None = None,
    file: Mapping[str, PathText] | None = None,
    limit: int | None = None,
    seed: int | None = None,
    allow_partial: bool = False,
    task_dir: Folders = (),
    include_path: Folders = (),
    offline: bool = False,
) -> Task:
    """A benchmark's samples, which `evaluate` would ask with the same options; no model is needed.

    `data` is the root of the benchmarks' files, `file` maps the task's file keys to paths. `limit` takes the first so
    many samples, with `seed` as many that it draws; `allow_partial` takes data that lack some. `task_dir` and
    `include_path` are folders of further tasks, ours and lmms-eval's. With `offline` nothing is downloaded. Raises
    UserError for an unknown task, and at the first use of a sample for data that are missing.
    """
    limit, seed = require_limit(limit), require_integer("seed", seed)
    files = {name: {key: Path(path) for key, path in (file or {}).items()}}
    root = None if data is None else Path(data)
    places = Places(root, files, as_paths(task_dir), as_paths(include_path), offline)
    with places.known():
        return Task(load_config(name), places, limit, seed, allow_partial=allow_partial)


def require_limit(limit: Any) -> int | None:
    """The number of samples that is asked for, if any. Raises UserError for what is none."""
    number = require_integer("limit", limit)
    if number is not None and number < 1:
        raise UserError(f"limit={limit!r}: a whole number above 0 is expected")
    return number


def require_integer(name: str, value: Any) -> int | None:
    """The argument's value, if any. Raises UserError for one that is no whole number."""
    try:
        return None if value is None else as_integer(value)
    except ValueError as error:
        raise UserError(f"{name}={value!r:.40}: {error}") from None


def as_integer(value: Any) -> int:
    """The whole number, numpy's too. Raises ValueError for a text, a truth value or a fraction."""
    if isinstance(value, bool | str) or not hasattr(value, "__index__"):
        raise ValueError(f"{value!r:.40} is not a whole number")
    return operator.index(value)


def list_tasks(group: str | None = None, *, task_dir: Folders = ()) -> list[str]:
    """The names of all tasks, sorted, or of those of a group, in its order. Raises UserError for an unknown one."""
    with Places(task_dir=as_paths(task_dir)).known():
        return task_names() if group is None else expand_tasks([group])
