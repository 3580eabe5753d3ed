"""Parts of the page that its script loads by name: in elements of the page, or in files beside it if they are many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from emma_eval.errors import SampleError
from emma_eval.images.encoding import encode_image
from emma_eval.reports.html.safe_embed import embedded_json
from emma_eval.types import ImageSource
from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.data_roots import require_inside_folder
from emma_eval.utils.files import make_output_folder, write_atomic

MAX_EMBEDDED = 12 * 2**20  # characters in the page; if there are more, all of a kind go to files beside it
FILES = "report-samples"  # the folder beside the page
WINDOW = 64  # images encoded ahead

Place = Literal["page", "beside", "none"]
Named = tuple[str, Markup]  # a part's name and content


@dataclass(slots=True)
class PageParts:
    """What is embedded in a page, within its budget, and what lies beside it."""

    folder: Path  # FILES beside the page
    embedded: dict[str, Markup] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """Characters that the page may still take."""
        return MAX_EMBEDDED - sum(map(len, self.embedded.values()))

    def remove_stale(self) -> None:
        """Remove the files that an earlier report wrote. Raises UserError for a folder that is a link to elsewhere."""
        require_inside_folder(self.folder, self.folder.parent)
        for stale in (*self.folder.glob("[0-9]*.js"), *self.folder.glob("chunk-*.js"), *self.folder.glob("image-*.js")):
            stale.unlink()

    def add(self, parts: Iterable[Named], *, else_beside: bool = True) -> Place:
        """Embed the parts if there is room for all of them; else write all to the folder, or leave all out."""
        pending: dict[str, Markup] = {}
        left = self.room
        for name, content in parts:
            pending[name] = content
            left -= len(content)
            if left < 0 and not else_beside:
                return "none"
            if left < 0:  # from here on each is written as it comes
                self._write(pending)
                pending = {}
        if left < 0:
            return "beside"
        self.embedded |= pending
        return "page"

    def _write(self, parts: dict[str, Markup]) -> None:
        if not self.folder.is_dir():
            make_output_folder(self.folder)
        for name, content in parts.items():
            write_atomic(self.folder / f"{name}.js", f'reportFile("{name}",{content});\n')


def full_images(images: Iterable[ImageSource]) -> Iterator[Named]:
    """Each image in full resolution as a data URL; null for one that cannot be read."""
    numbered = list(enumerate(images))
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for start in range(0, len(numbered), WINDOW):
            window = numbered[start : start + WINDOW]
            urls = pool.map(_data_url, [image for _, image in window])
            for (number, _), url in zip(window, urls, strict=True):
                yield f"image-{number}", embedded_json(url)


def _data_url(image: ImageSource) -> str | None:
    try:
        return encode_image(image).data_url
    except SampleError:
        return None
