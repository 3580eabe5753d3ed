"""The questions of each of the eight benchmarks, before they are written in that benchmark's file format.

The suite's writers and the trainer call the same functions on disjoint scenes: training seeds begin where the suite's
seeds end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from emma_eval.mini import questions
from emma_eval.mini.questions import COUNTS, PLACES, Question, draw_question
from emma_eval.mini.world import COLORS, SHAPES, Scene

LETTERS = "ABCD"


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a benchmark with its reference answer and its category."""

    question: str
    answer: str  # a short answer, or the text of the correct option
    options: tuple[str, ...] = ()
    hint: str = ""
    kind: str = ""  # the kind of question (questions.py), or the benchmark's own category
    scene: Scene | None = None  # None: a question without an image

    @property
    def letter(self) -> str:
        """The letter of the correct option."""
        return LETTERS[self.options.index(self.answer)]


ItemMaker = Callable[[random.Random, Scene], Item]

VQA_KINDS = (
    questions.existence,
    questions.trait_existence,
    questions.color,
    questions.shape,
    questions.count,
    questions.count,
    questions.place,
)
GQA_KINDS = (
    questions.existence,
    questions.color,
    questions.shape,
    questions.color_check,
    questions.color_choice,
    questions.both,
    questions.relation,
    questions.size,
)
OPTION_KINDS = (questions.color, questions.shape, questions.count, questions.place)
MME_KINDS = {
    "existence": questions.existence,
    "count": questions.count_check,
    "position": questions.place_check,
    "color": questions.color_check,
}
OWNERS = ("Ann", "Ben", "Cal", "Dee")
_KINDS_OF_WORDS: dict[str, tuple[str, ...]] = {
    "color": tuple(COLORS),
    "shape": SHAPES,
    "number": COUNTS,
    "place": PLACES,
    "name": OWNERS,
}
_CORNERS = {"no": "circle", "three": "triangle", "four": "square"}


def vqa(rng: random.Random, scene: Scene) -> Item:
    """VQAv2: yes/no, number and other questions."""
    return _short(draw_question(rng, scene, VQA_KINDS), scene)


def gqa(rng: random.Random, scene: Scene) -> Item:
    """GQA: query, verify, choose and logical questions, and relations."""
    return _short(draw_question(rng, scene, GQA_KINDS), scene)


def vizwiz(rng: random.Random, scene: Scene) -> Item:
    """VizWiz: questions of a blind photographer; on a blurred image the answer is `unanswerable`."""
    if scene.blurred:
        maker = rng.choice((questions.color, questions.shape, questions.count))
        question = draw_question(rng, scene, (maker, questions.count))
        return Item(question.text, "unanswerable", kind="unanswerable", scene=scene)
    return _short(
        draw_question(rng, scene, (questions.color, questions.shape, questions.count, questions.trait_existence)), scene
    )


def scienceqa(rng: random.Random, scene: Scene) -> Item:
    """ScienceQA with an image: two to four options, with a hint in 30% of the questions."""
    question = draw_question(rng, scene, OPTION_KINDS)
    hint = "Look at the shapes in the picture." if rng.random() < 0.3 else ""
    return _with_options(rng, question, scene, rng.randint(2, 4), hint)


def scienceqa_text(rng: random.Random) -> Item:
    """ScienceQA without an image: what everybody knows, or what the hint says."""
    return knowledge(rng) if rng.random() < 0.5 else belongings(rng)


def knowledge(rng: random.Random) -> Item:
    """Which of these is a color? Which shape has three corners? Which number is the largest?"""
    kind = rng.choice(("words", "geometry", "numbers"))
    count = rng.randint(2, 4)
    if kind == "geometry":
        corners = rng.choice(list(_CORNERS))
        answer, values = _CORNERS[corners], [s for s in SHAPES if s not in _CORNERS.values()]
        values += [s for s in _CORNERS.values() if s != answer]
        return _shuffled(rng, f"Which shape has {corners} corners?", answer, rng.sample(values, count - 1), kind)
    if kind == "numbers":
        values = rng.sample(COUNTS, count)
        word, pick = rng.choice((("largest", max), ("smallest", min)))
        answer = pick(values)
        return _shuffled(
            rng, f"Which number is the {word}?", answer, [value for value in values if value != answer], kind
        )
    word, *others = rng.sample(list(_KINDS_OF_WORDS), count)
    wrong = [rng.choice(_KINDS_OF_WORDS[other]) for other in others]
    return _shuffled(rng, f"Which of these is a {word}?", rng.choice(_KINDS_OF_WORDS[word]), wrong, kind)


def belongings(rng: random.Random) -> Item:
    """Who has the red circle? What does Ann have? The hint tells."""
    owners = rng.sample(OWNERS, rng.randint(2, 3))
    names = rng.sample(questions.all_names(), len(owners))
    hint = " ".join(f"{owner} has a {name}." for owner, name in zip(owners, names, strict=True))
    index = rng.randrange(len(owners))
    if rng.random() < 0.5:
        return Item(
            f"Who has the {names[index]}?", owners[index], tuple(rng.sample(owners, len(owners))), hint, "owner"
        )
    return Item(
        f"What does {owners[index]} have?", names[index], tuple(rng.sample(names, len(names))), hint, "belonging"
    )


def choice(rng: random.Random, scene: Scene) -> Item:
    """MMBench and SEED-Bench: four options."""
    question = draw_question(rng, scene, OPTION_KINDS)
    return _with_options(rng, question, scene, 4)


def mme_pair(rng: random.Random, scene: Scene, subtask: str) -> tuple[Item, Item]:
    """MME: two questions about one image, the first with the answer Yes, the second with No."""
    by_answer: dict[str, Question] = {}
    while len(by_answer) < 2:
        question = draw_question(rng, scene, (MME_KINDS[subtask],))
        by_answer.setdefault(question.answer, question)
    yes, no = (Item(by_answer[answer].text, answer.capitalize(), kind=subtask, scene=scene) for answer in ("yes", "no"))
    return yes, no


def mme(rng: random.Random, scene: Scene) -> Item:
    """One question of an MME pair, for training."""
    subtask = rng.choice([s for s in MME_KINDS if s != "color" or questions.color_check(rng, scene) is not None])
    return rng.choice(mme_pair(rng, scene, subtask))


def pope(rng: random.Random, scene: Scene) -> Item:
    """POPE: is a named thing in the image?"""
    return _short(questions.existence(rng, scene), scene)


def caption(scene: Scene) -> Item:
    """The image in one sentence, from the top left to the bottom right."""
    things = sorted(scene.things, key=lambda thing: (thing.row, thing.column))
    sentence = " and ".join(f"a {thing.name}" for thing in things)
    return Item("Provide a one-sentence caption for the provided image.", sentence, kind="caption", scene=scene)


def _short(question: Question, scene: Scene) -> Item:
    return Item(question.text, question.answer, kind=question.kind, scene=scene)


def _with_options(rng: random.Random, question: Question, scene: Scene, max_options: int, hint: str = "") -> Item:
    others: Sequence[str] = rng.sample(question.others, min(max_options - 1, len(question.others)))
    return replace(_shuffled(rng, question.text, question.answer, others, question.kind), hint=hint, scene=scene)


def _shuffled(rng: random.Random, text: str, answer: str, others: Sequence[str], kind: str) -> Item:
    options = [answer, *others]
    rng.shuffle(options)
    return Item(text, answer, tuple(options), kind=kind)
