"""What each of the eight benchmarks asks of the small world, before it is written in that benchmark's format.

The suite's writers and the trainer draw from the same functions, on scenes that never meet: the trainer's seeds begin
where the suite's end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emma_eval.mini import questions as ask
from emma_eval.mini.questions import Question, first_possible
from emma_eval.mini.world import Scene

LETTERS = "ABCD"


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a benchmark: what is asked, the truth, and where the benchmark files it."""

    question: str
    answer: str  # a short answer, or the text of the right option
    options: tuple[str, ...] = ()
    hint: str = ""
    kind: str = ""  # the kind of question, or the benchmark's own category
    scene: Scene | None = None  # None: asked without an image

    @property
    def letter(self) -> str:
        """The letter of the right option."""
        return LETTERS[self.options.index(self.answer)]


Maker = Callable[[random.Random, Scene], Item]

VQA_KINDS = (ask.existence, ask.trait_existence, ask.color, ask.shape, ask.count, ask.count, ask.place)
GQA_KINDS = (ask.existence, ask.color, ask.shape, ask.color_check, ask.color_choice, ask.both, ask.relation, ask.size)
OPTION_KINDS = (ask.color, ask.shape, ask.count, ask.place)
MME_KINDS = {
    "existence": ask.existence,
    "count": ask.count_check,
    "position": ask.place_check,
    "color": ask.color_check,
}
OWNERS = ("Ann", "Ben", "Cal", "Dee")


def vqa(rng: random.Random, scene: Scene) -> Item:
    """VQAv2: yes/no, number and other questions."""
    return _short(first_possible(rng, scene, VQA_KINDS), scene)


def gqa(rng: random.Random, scene: Scene) -> Item:
    """GQA: query, verify, choose and logical questions, and relations."""
    return _short(first_possible(rng, scene, GQA_KINDS), scene)


def vizwiz(rng: random.Random, scene: Scene) -> Item:
    """VizWiz: what a blind photographer asks; a blurred image answers nothing."""
    if scene.blurred:
        text = rng.choice((ask.color, ask.shape, ask.count))
        question = first_possible(rng, scene, (text, ask.count))
        return Item(question.text, "unanswerable", kind="unanswerable", scene=scene)
    return _short(first_possible(rng, scene, (ask.color, ask.shape, ask.count, ask.trait_existence)), scene)


def scienceqa(rng: random.Random, scene: Scene) -> Item:
    """ScienceQA with an image: two to four options, a hint now and then."""
    question = first_possible(rng, scene, OPTION_KINDS)
    hint = "Look at the shapes in the picture." if rng.random() < 0.3 else ""
    return _with_options(rng, question, scene, rng.randint(2, 4), hint)


def scienceqa_text(rng: random.Random) -> Item:
    """ScienceQA without an image: the hint holds the answer."""
    owners = rng.sample(OWNERS, rng.randint(2, 3))
    names = rng.sample(ask.all_names(), len(owners))
    hint = " ".join(f"{owner} has a {name}." for owner, name in zip(owners, names, strict=True))
    k = rng.randrange(len(owners))
    if rng.random() < 0.5:
        return Item(f"Who has the {names[k]}?", owners[k], tuple(rng.sample(owners, len(owners))), hint, "owner")
    return Item(f"What does {owners[k]} have?", names[k], tuple(rng.sample(names, len(names))), hint, "belonging")


def choice(rng: random.Random, scene: Scene) -> Item:
    """MMBench and SEED-Bench: four options."""
    question = first_possible(rng, scene, OPTION_KINDS)
    return _with_options(rng, question, scene, 4)


def mme_pair(rng: random.Random, scene: Scene, subtask: str) -> tuple[Item, Item]:
    """MME: two questions about one image, the first with the answer Yes, the second with No."""
    found: dict[str, Question] = {}
    while len(found) < 2:
        question = first_possible(rng, scene, (MME_KINDS[subtask],))
        found.setdefault(question.answer, question)
    yes, no = (Item(found[answer].text, answer.capitalize(), kind=subtask, scene=scene) for answer in ("yes", "no"))
    return yes, no


def mme(rng: random.Random, scene: Scene) -> Item:
    """One question of an MME pair, for training."""
    subtask = rng.choice([s for s in MME_KINDS if s != "color" or ask.color_check(rng, scene) is not None])
    return rng.choice(mme_pair(rng, scene, subtask))


def pope(rng: random.Random, scene: Scene) -> Item:
    """POPE: is a named thing there?"""
    return _short(ask.existence(rng, scene), scene)


def caption(scene: Scene) -> Item:
    """The image in one sentence, from the top left to the bottom right."""
    things = sorted(scene.things, key=lambda thing: (thing.row, thing.column))
    sentence = " and ".join(f"a {thing.name}" for thing in things)
    return Item("Provide a one-sentence caption for the provided image.", sentence, kind="caption", scene=scene)


def _short(question: Question, scene: Scene) -> Item:
    return Item(question.text, question.answer, kind=question.kind, scene=scene)


def _with_options(rng: random.Random, question: Question, scene: Scene, most: int, hint: str = "") -> Item:
    others: Sequence[str] = rng.sample(question.others, min(most - 1, len(question.others)))
    options = [question.answer, *others]
    rng.shuffle(options)
    return Item(question.text, question.answer, tuple(options), hint, question.kind, scene)
