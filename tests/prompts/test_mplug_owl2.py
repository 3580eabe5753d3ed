"""mPLUG-Owl2 is asked as its authors' scripts ask it: each whole prompt is written out here as those make it.

Where they published no prompt for a benchmark, the one chosen here is written out, and the task must say so.
"""

import json
from pathlib import Path

import pytest

from emma_eval.images.sources import ImageFile
from emma_eval.models.checkpoints.templates import render_for_family
from emma_eval.prompts.building import build_requests
from emma_eval.prompts.image_placement import place_pointed
from emma_eval.tasks.index import expand_tasks, task_names
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample
from tests.shared import needs_shared, shared

WORD = "Answer the question using a single word or phrase."
LETTER = "Answer with the option’s letter from the given choices directly."  # noqa: RUF001
CAPTION = "USER: <|image|>Provide a one-sentence caption for the provided image. ASSISTANT: "


def image(name="a"):
    return ImageFile(Path(), f"{name}.png")


QUESTION = {"question": "What IS it? "}
CHOICE = {"question": "Which?", "options": ("cat", "dog")}
HINTED = CHOICE | {"hint": "Look.\nAgain."}
YES_NO = {"question": "Is it red? Please answer yes or no."}

PUBLISHED = [  # task, sample, prompt, most and least new tokens
    ("vqav2", QUESTION, f"USER: <|image|>What IS it?  {WORD} ASSISTANT: ", 10, 1),
    ("vqav2_testdev", QUESTION, f"USER: <|image|>What IS it?  {WORD} ASSISTANT: ", 10, 1),
    ("okvqa", QUESTION, f"USER: <|image|>What IS it?  {WORD} ASSISTANT: ", 10, 1),
    ("textvqa", QUESTION, f"USER: <|image|>What IS it?  {WORD} ASSISTANT: ", 10, 1),
    ("mme", YES_NO, f"USER: <|image|>Is it red? \n{WORD} ASSISTANT: ", 10, 1),
    ("mmbench_en", HINTED, f"USER: <|image|>Look.\nAgain.\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("mmbench_en", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("mmbench_en_test", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("mmbench_cn", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("mmbench_cn_test", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("seed", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("seed_image", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("seed_video", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("qbench", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    (
        "mmmu",
        {"question": "Is <image 1> it?", "options": ("<image 2>", "no")},
        f"USER: Is <|image|> it?\nA. <|image|>\nB. no\n{LETTER} ASSISTANT: ",
        20,
        1,
    ),
    (
        "mmmu",
        {"question": "<image 1><image 2> How many?"},
        f"USER: <|image|><|image|> How many?\n{WORD} ASSISTANT: ",
        20,
        1,
    ),
    (
        "mmmu_test",
        {"question": "<image 1> What? <image 2>"},
        f"USER: <|image|> What? <|image|>\n{WORD} ASSISTANT: ",
        20,
        1,
    ),
    ("flickr30k", {"question": ""}, CAPTION, 60, 8),
    ("nocaps", {"question": ""}, CAPTION, 60, 8),
]
CHOSEN_HERE = [
    ("gqa", QUESTION, f"USER: <|image|>What IS it?  {WORD} ASSISTANT: ", 10, 1),
    ("vizwiz", QUESTION, f"USER: <|image|>What IS it?  {WORD} ASSISTANT: ", 10, 1),
    ("vizwiz_test", QUESTION, f"USER: <|image|>What IS it?  {WORD} ASSISTANT: ", 10, 1),
    ("easy_vqa", QUESTION, f"USER: <|image|>What IS it?  {WORD} ASSISTANT: ", 10, 1),
    (
        "textvqa_ocr",
        QUESTION | {"hint": "STOP, 4"},
        f"USER: <|image|>What IS it? \nReference OCR token: STOP, 4\n{WORD} ASSISTANT: ",
        10,
        1,
    ),
    ("pope", {"question": "Is there a cat?"}, f"USER: <|image|>Is there a cat?\n{WORD} ASSISTANT: ", 10, 1),
    ("scienceqa", HINTED, f"USER: <|image|>Look.\nAgain.\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("scienceqa", CHOICE | {"images": ()}, f"USER: N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("abench", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("mmvp", CHOICE, f"USER: <|image|>N/A\nWhich?\nA. cat\nB. dog\n{LETTER} ASSISTANT: ", 10, 1),
    ("coco_caption", {"question": ""}, CAPTION, 60, 8),
    ("mmvet", QUESTION, "USER: <|image|>What IS it?  ASSISTANT: ", 512, 1),
    ("llava_bench", QUESTION, "USER: <|image|>What IS it?  ASSISTANT: ", 512, 1),
    (
        "amber_generative",
        {"question": "Describe this image."},
        "USER: <|image|>Describe this image. ASSISTANT: ",
        1024,
        1,
    ),
    (
        "amber_discriminative",
        {"question": "Is it red?"},
        "USER: <|image|>Is it red?\nAnswer with yes or no ASSISTANT: ",
        1024,
        1,
    ),
    ("hallusionbench", {"question": "Is it?"}, "USER: <|image|>Is it?\nPlease answer yes or no. ASSISTANT: ", 128, 1),
    (
        "hallusionbench_full",
        {"question": "Is it?", "images": ()},
        "USER: Is it?\nPlease answer yes or no. ASSISTANT: ",
        128,
        1,
    ),
    ("mathvista", {"question": "Hint: x\nQuestion: y"}, "USER: <|image|>Hint: x\nQuestion: y ASSISTANT: ", 1024, 1),
    ("mathvista_test", {"question": "Question: y"}, "USER: <|image|>Question: y ASSISTANT: ", 1024, 1),
    (
        "foil",
        CHOICE,
        "USER: <|image|>Which of the following captions better fits the image: \n (A)cat \n (B)dog\n"
        "Answer with the option's letter from the given choices directly. ASSISTANT: ",
        1024,
        1,
    ),
    (
        "muirbench",
        {"question": "Is <image> it?", "options": ("cat", "dog")},
        "USER: Is <|image|> it?\nA. cat\nB. dog\nAnswer with the option's letter A, B directly . ASSISTANT: ",
        1024,
        1,
    ),
]


def first_request(name, sample):
    task = load_task(name)
    images = (image("a"), image("b")) if "<image 2>" in repr(sample) else (image(),)
    return next(build_requests(task.with_wording("mplug_owl2"), [Sample("1", **{"images": images} | sample)]))


def whole_prompt(request):
    assert request.message.count("<image>") == len(request.images)
    return request.prompt(lambda message: render_for_family(message, "mplug_owl2"))


@pytest.mark.parametrize(("name", "sample", "prompt", "most", "least"), [*PUBLISHED, *CHOSEN_HERE])
def test_every_benchmark_is_asked_like_this(name, sample, prompt, most, least):
    request = first_request(name, sample)
    assert whole_prompt(request) == prompt
    assert (request.max_new_tokens, request.min_new_tokens) == (most, least)


def test_a_task_says_whether_the_authors_published_its_prompt():
    assert {name for name, *_ in PUBLISHED} & {name for name, *_ in CHOSEN_HERE} == set()
    for rows, published in ((PUBLISHED, True), (CHOSEN_HERE, False)):
        for name, *_ in rows:
            wording = load_task(name).wordings["mplug_owl2"]
            assert wording.published is published, name
            assert wording.source, name


def test_no_task_is_left_out_but_those_that_ask_as_emmas_scripts():
    asked = {name for name, *_ in [*PUBLISHED, *CHOSEN_HERE]}
    left_out = {name for name in task_names() if "mplug_owl2" not in load_task(name).wordings}
    assert left_out == set(expand_tasks(["emma_scripts"]))
    assert set(task_names()) - asked - left_out == set(expand_tasks(["mini"]))  # they ask as what they are named after


def test_the_suite_is_asked_as_the_benchmarks_that_it_is_named_after():
    for name in expand_tasks(["mini"]):
        mini, real = (
            load_task(one).wordings["mplug_owl2"]
            for one in (name, name.removesuffix("_mini").replace("mmbench", "mmbench_en"))
        )
        assert mini == real


def test_an_image_is_sent_at_each_pointer_of_mmmu_and_nowhere_else():
    """`<image 6>` and `<image 7>` keep their text, and the script's images move up behind them."""
    a, b, c, d, e, f = (image(name) for name in "abcdef")
    assert place_pointed("<image 2>, <image 1>, <image 2>", (a, b, c)) == ("<image>, <image>, <image>", (b, a, b))
    assert place_pointed("<image 6> or <image 1>?", (a, b, c, d, e, f)) == ("<image 6> or <image>?", (f,))
    assert place_pointed("<image 3>?", (a,)) == ("<image 3>?", ())


TASK_OF_FORM = {"vqa": "vqav2", "mme": "mme", "mmbench": "mmbench_en", "mmmu": "mmmu"}
CASES = [
    pytest.param(case, id=f"{index.parent.name}/{case['id']}")
    for index in sorted(shared("parity_mplug_owl2").glob("**/index*.json"))
    for case in json.loads(index.read_text(encoding="utf-8"))["cases"]
    if case["prompt_form"] in TASK_OF_FORM
]


@needs_shared("parity_mplug_owl2")
@pytest.mark.parametrize("case", CASES)
def test_prompts_are_those_that_the_references_numbers_are_of(case):
    """Its questions with the hints and options that the recorded prompts show."""
    lines = case["prompt"].removesuffix(" ASSISTANT: ").split("\n")
    options = tuple(line[3:] for line in lines if line[1:3] == ". ")
    hint = lines[0].removeprefix("USER: <|image|>").replace("N/A", "") if case["prompt_form"] == "mmbench" else ""
    images = tuple(ImageFile(Path(), name) for name in case["images"])
    sample = Sample("1", case["question"], images, options=options, hint=hint)
    request = next(build_requests(load_task(TASK_OF_FORM[case["prompt_form"]]).with_wording("mplug_owl2"), [sample]))
    assert whole_prompt(request) == case["prompt"]
    assert request.min_new_tokens == case["min_new_tokens"]
    assert request.images == images
