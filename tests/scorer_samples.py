"""Samples that any scorer accepts, and answers of which half are correct: two questions an image, two categories."""

import random

from emma_eval.tasks.index import task_names
from emma_eval.tasks.loading import load_task
from emma_eval.types import Answer, Answers, Key, Sample

YES_NO = ("yes", "no")
CATEGORIES = {"amber": ("existence", "attribute"), "mme": ("OCR", "code_reasoning")}
LETTERS = ("A", "B", "C", "D")
WORDS = ("cat", "dog", "fox", "owl")
CAPTIONS = ("a cat sits on a mat .", "two dogs run in the park .", "one fox jumps over a fence .", "an owl sleeps .")
TRUTHS = {
    "amber": YES_NO,
    "amber_emma": YES_NO,
    "amber_generative": WORDS,
    "captions": CAPTIONS,
    "hallusionbench": YES_NO,
    "letters": LETTERS,
    "mathvista": WORDS,
    "mmbench": LETTERS,
    "mme": ("Yes", "No"),
    "mmmu": LETTERS,
    "pope": YES_NO,
    "scienceqa": LETTERS,
    "seed": LETTERS,
}

NEEDS = {"captions": "pycocoevalcap", "amber_generative": "textblob"}
# (scorer, its options) of every protocol of the shipped tasks
WAYS = sorted(
    {
        (protocol.scorer, tuple(sorted(protocol.options.items())))
        for name in task_names()
        for protocol in load_task(name).protocols.values()
    }
)


def questions(scorer: str, number: int = 64) -> list[Sample]:
    """Samples with every field that some scorer reads."""
    truths = TRUTHS.get(scorer, WORDS)
    return [_question(i, truths, scorer) for i in range(number)]


def _question(i: int, truths: tuple[str, ...], scorer: str) -> Sample:
    truth, half = truths[i // 2 % len(truths)] if len(truths) > 2 else truths[i % 2], ("x", "y")[i // 4 % 2]
    meta = {
        "image": f"{i // 2}.jpg",
        "pair": i // 2,
        **_of_gqa(i, half, truth),
        **_of_types(i, half, truth),
        **_of_amber(half, truths),
    }
    return Sample(
        str(i),
        "What is it?",
        references=(truth,) * (10 if scorer.startswith("vqa") or scorer == "vizwiz" else 1),
        options=WORDS,
        hint="",
        category=CATEGORIES.get(scorer, ("x", "y"))[i // 4 % 2],
        meta=meta,
    )


def _of_gqa(i: int, half: str, truth: str) -> dict[str, object]:
    return {
        "types": {"structural": ("query", "verify")[i // 4 % 2], "semantic": half, "detailed": "what"},
        "semantic": ({"operation": "select", "argument": half},),
        "groups": {"global": half},
        "entailed": (str(i), str(i // 8 * 8)),
        "is_balanced": True,
        "valid": (truth, "cow"),
        "plausible": (truth,),
    }


def _of_types(i: int, half: str, truth: str) -> dict[str, object]:
    several = ("split", "l2_category", "question_type", "topic", "source", "task", "language", "category", "context")
    return dict.fromkeys((*several, "subcategory", "data_type"), half) | {
        "answer_type": "text",
        "grade": "grade3",
        "subject": "natural science",
        "has_image": i % 4 < 2,
        "skills": (half,),
        "precision": None,
        "answerable": i % 8 < 6,
        "question_type_id": 1,
        "set_id": str(i // 8),
        "figure_id": str(i // 2 % 4),
        "question_id": str(i % 2),
        "shifted_reference": truth,
        "record": i,
    }


def _of_amber(half: str, truths: tuple[str, ...]) -> dict[str, object]:
    return {"kind": half, "association": {word: [] for word in WORDS}, "hallu": ("fox",), "safe_words": frozenset()}


def answers_to(samples: list[Sample], seed: int = 0) -> Answers:
    """Answers to every pass, half of them correct; every sixteenth sample has none."""
    rng = random.Random(seed)
    truths = sorted({sample.references[0] for sample in samples})
    given: dict[Key, Answer] = {}
    for sample in samples[: len(samples) * 15 // 16]:
        for pass_index in range(4):
            text = sample.references[0] if rng.random() < 0.5 else rng.choice(truths)
            given[sample.id, pass_index] = Answer(text, "<image>" if sample.meta["has_image"] else "")
    return given
