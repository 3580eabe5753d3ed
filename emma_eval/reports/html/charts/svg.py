"""SVG built from elements, never from strings, so that any name stays text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from markupsafe import Markup

from emma_eval.utils.text import single_spaced

WIDTH = 320.0  # units of every drawing; text of 12 units has 12 pixels on a phone and little more elsewhere
COLOURS = 8  # the classes run-0 to run-7 of the style sheet


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from [low, high] to [left, right]."""

    low: float
    high: float
    ticks: tuple[float, ...]
    left: float
    right: float

    def at(self, value: float) -> float:
        """The coordinate of a value."""
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)


def node(tag: str, *children: Xml.Element, text: str = "", **attributes: str | float) -> Xml.Element:
    """An element; `text_anchor` becomes `text-anchor`, and `class_` `class`."""
    named = {key.rstrip("_").replace("_", "-"): _number(value) for key, value in attributes.items()}
    element = Xml.Element(tag, named)
    element.text = text or None
    element.extend(children)
    return element


def drawing(height: float, label: str, children: Iterable[Xml.Element]) -> Markup:
    """The whole SVG; `label` is its description for screen readers."""
    view = f"0 0 {_number(WIDTH)} {_number(height)}"
    root = node("svg", *children, viewBox=view, role="img", aria_label=label, class_="chart")
    return Markup(Xml.tostring(root, encoding="unicode"))  # noqa: S704 (ElementTree has escaped it)


def run_class(number: int, *more: str) -> str:
    """The class that gives a run its colour."""
    return " ".join((f"run-{number % COLOURS}", *more))


def nice_axis(
    values: Sequence[float], left: float, right: float, bounds: tuple[float, float] | None = None, max_steps: int = 5
) -> Axis:
    """An axis around all values, within the bounds, with up to `max_steps` steps of 1, 2 or 5 times a power of ten."""
    low, high = min(values), max(values)
    spread, size = high - low, max(abs(low), abs(high))
    margin = spread * 0.05 if spread > max(size * 1e-3, 1e-9) else max(size * 0.02, 1.0)
    low, high = low - margin, high + margin
    if bounds:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    raw = (high - low) / max_steps
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(number * step for number in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks, left, right)


def grid(axis: Axis, tracks: Sequence[tuple[float, float]], bottom: float) -> list[Xml.Element]:
    """Vertical lines at the ticks behind the tracks (top, bottom), not through the words between; numbers below."""
    drawn = []
    for tick in axis.ticks:
        x = axis.at(tick)
        anchor = "start" if tick == axis.ticks[0] else "end" if tick == axis.ticks[-1] else "middle"
        drawn += [node("line", x1=x, x2=x, y1=top, y2=end, class_="grid") for top, end in tracks]
        drawn.append(node("text", text=f"{tick:.6g}", x=x, y=bottom + 14, text_anchor=anchor, class_="tick"))
    return drawn


def shortened(text: str, max_letters: int) -> str:
    """The label cut to `max_letters` letters; the whole one belongs in a tooltip."""
    text = single_spaced(text)
    return text if len(text) <= max_letters else text[: max_letters - 1] + "…"


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
