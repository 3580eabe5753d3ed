"""Questions about a scene, with the computed answer.

Every function takes a random generator and a sharp scene and returns a Question, or None where the scene does not
allow that kind of question (a relation needs two things). Whether the answer is yes or no is drawn first, so that
both are equally frequent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emma_eval.mini.world import COLORS, MAX_THINGS, SHAPES, SIZES, Scene, Thing

PLACES = ("top left", "top right", "bottom left", "bottom right")
COUNTS = tuple(map(str, range(MAX_THINGS + 1)))


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a scene, its answer, and plausible wrong answers."""

    kind: str
    text: str
    answer: str
    others: tuple[str, ...]  # wrong answers of the same kind


QuestionMaker = Callable[[random.Random, Scene], Question | None]


def existence(rng: random.Random, scene: Scene) -> Question:
    """Is there a red circle in the image?"""
    return existence_of(present_name(rng, scene) if rng.random() < 0.5 else absent_name(rng, scene), scene)


def existence_of(name: str, scene: Scene) -> Question:
    """Whether a thing of that name (`red circle`) is in the scene."""
    is_true = any(thing.name == name for thing in scene.things)
    return _yes_no("existence", f"Is there a {name} in the image?", is_true)


def trait_existence(rng: random.Random, scene: Scene) -> Question | None:
    """Is there a circle in the image? Is there a red shape in the image?"""
    key, values = rng.choice((("shape", SHAPES), ("color", tuple(COLORS))))
    present = {getattr(thing, key) for thing in scene.things}
    is_true = rng.random() < 0.5
    fitting = [v for v in values if (v in present) == is_true]
    if not fitting:  # every shape is there
        return None
    value = rng.choice(fitting)
    noun = value if key == "shape" else f"{value} shape"
    return _yes_no("existence", f"Is there a {noun} in the image?", is_true)


def color(rng: random.Random, scene: Scene) -> Question | None:
    """What color is the circle?"""
    if (thing := _unique_thing(rng, scene, "shape")) is None:
        return None
    return _open("color", f"What color is the {thing.shape}?", thing.color, tuple(COLORS))


def shape(rng: random.Random, scene: Scene) -> Question | None:
    """What shape is the red object?"""
    if (thing := _unique_thing(rng, scene, "color")) is None:
        return None
    return _open("shape", f"What shape is the {thing.color} object?", thing.shape, SHAPES)


def count(rng: random.Random, scene: Scene) -> Question:
    """How many circles are there? How many red shapes are there? How many shapes are there?"""
    key = rng.choice(("shape", "color", "all"))
    if key == "all":
        return _open("count", "How many shapes are there?", str(len(scene.things)), COUNTS)
    present = rng.random() < 0.75
    values = SHAPES if key == "shape" else tuple(COLORS)
    value = getattr(rng.choice(scene.things), key) if present else rng.choice(values)
    nouns = _plural(value) if key == "shape" else f"{value} shapes"
    return _open("count", f"How many {nouns} are there?", str(scene.count(**{key: value})), COUNTS)


def place(rng: random.Random, scene: Scene) -> Question:
    """Where is the red circle?"""
    thing = rng.choice(scene.things)
    return _open("place", f"Where is the {thing.name}?", thing.place, PLACES)


def size(rng: random.Random, scene: Scene) -> Question:
    """Is the red circle small or large?"""
    thing = rng.choice(scene.things)
    return _open("size", f"Is the {thing.name} small or large?", thing.size, tuple(SIZES))


def color_check(rng: random.Random, scene: Scene) -> Question | None:
    """Is the circle red?"""
    if (thing := _unique_thing(rng, scene, "shape")) is None:
        return None
    is_true = rng.random() < 0.5
    value = thing.color if is_true else _different_value(rng, tuple(COLORS), thing.color)
    return _yes_no("color", f"Is the {thing.shape} {value}?", is_true)


def color_choice(rng: random.Random, scene: Scene) -> Question | None:
    """Is the circle red or blue?"""
    if (thing := _unique_thing(rng, scene, "shape")) is None:
        return None
    pair = [thing.color, _different_value(rng, tuple(COLORS), thing.color)]
    rng.shuffle(pair)
    return _open("choice", f"Is the {thing.shape} {pair[0]} or {pair[1]}?", thing.color, tuple(pair))


def both(rng: random.Random, scene: Scene) -> Question | None:
    """Is there a red circle and a blue star in the image?"""
    names = [present_name(rng, scene) if rng.random() < 0.7 else absent_name(rng, scene) for _ in range(2)]
    if names[0] == names[1]:
        return None
    present = {thing.name for thing in scene.things}
    text = f"Is there a {names[0]} and a {names[1]} in the image?"
    return _yes_no("logic", text, all(name in present for name in names))


def relation(rng: random.Random, scene: Scene) -> Question | None:
    """Is the red circle to the left of the blue star?"""
    if (pair := _related_pair(rng, scene)) is None:
        return None
    one, other, words = pair
    is_true = rng.random() < 0.5
    relation_words = words if is_true else _OPPOSITE[words]
    return _yes_no("relation", f"Is the {one.name} {relation_words} the {other.name}?", is_true)


def count_check(rng: random.Random, scene: Scene) -> Question:
    """Are there two shapes in the image? Always about the number of all shapes."""
    is_true = rng.random() < 0.5
    total = len(scene.things)
    stated = total if is_true else rng.choice([n for n in range(1, MAX_THINGS + 1) if n != total])
    text = "Is there one shape in the image?" if stated == 1 else f"Are there {_NUMBERS[stated]} shapes in the image?"
    return _yes_no("count", text, is_true)


def place_check(rng: random.Random, scene: Scene) -> Question:
    """Is the red circle on the left side of the image?"""
    thing = rng.choice(scene.things)
    axis = rng.choice((("left", "right"), ("top", "bottom")))
    actual = next(word for word in axis if word in thing.place.split())
    side = rng.choice(axis)
    return _yes_no("place", f"Is the {thing.name} on the {side} side of the image?", side == actual)


def present_name(rng: random.Random, scene: Scene) -> str:
    """The name of one of the scene's things."""
    return rng.choice(scene.things).name


def absent_name(rng: random.Random, scene: Scene) -> str:
    """A name that no thing of the scene has; half the time, if possible, both words occur in the image."""
    present = {thing.name for thing in scene.things}
    near = sorted({f"{a.color} {b.shape}" for a in scene.things for b in scene.things} - present)
    if near and rng.random() < 0.5:
        return rng.choice(near)
    return rng.choice([name for name in all_names() if name not in present])


def all_names() -> list[str]:
    """Every name that a thing can have."""
    return [f"{color} {shape}" for color in COLORS for shape in SHAPES]


def draw_question(rng: random.Random, scene: Scene, makers: Sequence[QuestionMaker]) -> Question:
    """A question by one of `makers`, drawn uniformly from those that the scene allows."""
    while True:
        if (question := rng.choice(makers)(rng, scene)) is not None:
            return question


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
_OPPOSITE = {
    "to the left of": "to the right of",
    "to the right of": "to the left of",
    "above": "below",
    "below": "above",
}


def _yes_no(kind: str, text: str, is_true: bool) -> Question:
    return Question(kind, text, "yes" if is_true else "no", ("no" if is_true else "yes",))


def _open(kind: str, text: str, answer: str, values: Sequence[str]) -> Question:
    return Question(kind, text, answer, tuple(value for value in values if value != answer))


def _unique_thing(rng: random.Random, scene: Scene, trait: str) -> Thing | None:
    """A thing that is the only one with its shape (or colour)."""
    unique = [thing for thing in scene.things if scene.count(**{trait: getattr(thing, trait)}) == 1]
    return rng.choice(unique) if unique else None


def _related_pair(rng: random.Random, scene: Scene) -> tuple[Thing, Thing, str] | None:
    """Two things and the relation of the first to the second (`above`); None with fewer than two things."""
    if len(scene.things) < 2:
        return None
    one, other = rng.sample(scene.things, 2)
    words = []
    if one.column != other.column:
        words.append("to the left of" if one.column < other.column else "to the right of")
    if one.row != other.row:
        words.append("above" if one.row < other.row else "below")
    return one, other, rng.choice(words)


def _different_value(rng: random.Random, values: Sequence[str], value: str) -> str:
    return rng.choice([v for v in values if v != value])


def _plural(word: str) -> str:
    return word + ("es" if word.endswith("s") else "s")
