"""The images of the page in README.md and docs/reports.md: `python -m tests.reports.html.screenshots RUN_A RUN_B`."""

from __future__ import annotations

import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from emma_eval.reports.html.report import write_report
from tests.reports.html.chromium import chromium, prefer, set_width

DOCS = Path(__file__).parents[3] / "docs" / "report"
WIDTH = 1200
SCORES = 610  # pixels: two rows of charts
VIEWS = {  # name: (scheme, section at the top, outcome chosen in the sample browser, width, height)
    "light": ("light", "scores", "any", WIDTH, SCORES),
    "dark": ("dark", "scores", "any", WIDTH, SCORES),
    "samples": ("dark", "samples", "A right, B wrong", WIDTH, 900),
    "phone": ("light", "samples", "answers differ", 390, 900),
}


def take(browser: Any, page: Path, name: str) -> None:
    """Save one image, in few colours so that it stays small."""
    scheme, section, outcome, width, height = VIEWS[name]
    set_width(browser, width, height, scale=1.5)
    prefer(browser, scheme)
    browser.get(page.as_uri())
    browser.execute_script(
        "const select = document.getElementById('outcome');"
        "select.value = [...select.options].find((option) => option.text === arguments[0]).value;"
        "select.dispatchEvent(new Event('change', {bubbles: true}));"
        "document.getElementById(arguments[1]).scrollIntoView()",
        outcome,
        section,
    )
    time.sleep(1)
    image = Image.open(BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    small = image.quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(DOCS / f"{name}.png", optimize=True)


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder) / "profile") as chrome:
        made = write_report([Path(run) for run in sys.argv[1:]], Path(folder))
        for view in VIEWS:
            take(chrome, made, view)
