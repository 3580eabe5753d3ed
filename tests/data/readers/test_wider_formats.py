"""What the readers of the wider list make of their official files."""

import json

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.data.readers.mathvista_json import query
from emma_eval.errors import UserError
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.loading import load_task
from tests import tiny_datasets_wider as tiny


def load(name, root):
    return load_samples(load_task(name), root, allow_partial=True, need_images=True)


def question(name, root, number=0):
    """The message of one of the task's requests."""
    requests = list(build_requests(load_task(name), load(name, root)))
    return requests[number].message


def test_mmvp_pairs_and_options(tmp_path):
    tiny.mmvp(tmp_path)
    first, second = load("mmvp", tmp_path)
    assert (first.options, first.references, second.references) == (("Open", "Closed"), ("A",), ("B",))
    assert first.meta["pair"] == second.meta["pair"] == 0
    assert [sample.images[0].name for sample in (first, second)] == ["1.jpg", "2.jpg"]
    assert question("mmvp", tmp_path) == (
        "<image>\nIs it open?\nA. Open\nB. Closed\nAnswer with the option's letter from the given choices directly."
    )


def test_foil_asks_for_the_caption_that_fits_in_an_order_drawn_by_the_id(tmp_path):
    tiny.foil(tmp_path)
    samples = load("foil", tmp_path)
    true = {"100": "A cat.", "101": "A fox.", "102": "A dog.", "103": "A owl."}
    assert {s.id: s.options["AB".index(s.references[0])] for s in samples} == true
    assert {s.references[0] for s in samples} == {"A", "B"}
    assert [s.references for s in load("foil", tmp_path)] == [s.references for s in samples]
    first, second = samples[0].options
    assert question("foil", tmp_path) == (
        f"<image>\nWhich of the following captions better fits the image: \n (A){first} \n (B){second}\n"
        "Answer with the option's letter from the given choices directly."
    )


def test_a_foil_without_its_true_caption(tmp_path):
    tiny.foil(tmp_path)
    path = tmp_path / "foil" / "foilv1.0_test_2017.json"
    content = json.loads(path.read_text())
    content["annotations"] = content["annotations"][1:]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="the foil with id 100 has no true caption"):
        load("foil", tmp_path)


def test_amber_questions_know_their_dimension_and_the_next_records_truth(tmp_path):
    tiny.amber(tmp_path)
    state, relation = load("amber_discriminative", tmp_path)
    assert (state.category, state.meta["kind"], state.references) == ("attribute", "state", ("yes",))
    assert (relation.category, relation.meta["kind"], relation.references) == ("relation", "relation", ("no",))
    assert (state.meta["shifted_reference"], relation.meta["shifted_reference"]) == ("no", None)
    assert question("amber_discriminative", tmp_path) == "<image>\nIs it wet?\nAnswer with yes or no"


def test_amber_descriptions_carry_objects_and_word_lists(tmp_path):
    tiny.amber(tmp_path)
    first, _ = load("amber_generative", tmp_path)
    assert (first.references, first.meta["hallu"]) == (("sky", "dog"), ("cat",))
    assert first.meta["association"]["dog"] == ("puppy",)
    assert first.meta["safe_words"] == {"light", "line"}
    assert question("amber_generative", tmp_path) == "<image>\nDescribe this image."


def test_emmas_questions_are_about_the_next_image(tmp_path):
    tiny.amber(tmp_path)
    asked = [(s.id, s.question, s.references[0], s.images[0].name) for s in load("amber_objects_emma", tmp_path)]
    assert asked[:2] == [
        ("1/truth/0", "Is sea in this image?", "yes", "AMBER_1.jpg"),
        ("1/hallu/0", "Is ship in this image?", "no", "AMBER_1.jpg"),
    ]
    assert asked[3:] == [(f"2/truth/{n}", f"Is {c} in this image?", "yes", "AMBER_2.jpg") for n, c in enumerate("yes")]


def test_karpathys_test_split(tmp_path):
    tiny.karpathy(tmp_path)
    samples = load("coco_caption", tmp_path)
    assert [(s.id, s.references) for s in samples] == [(i, ("A cat.", "One cat sits.")) for i in ("41", "43")]
    assert question("coco_caption", tmp_path) == "<image>\nProvide a one-sentence caption for the provided image."


def test_karpathys_test_split_in_the_file_that_only_scores(tmp_path):
    name = "coco/annotations/coco_karpathy_test_gt.json"
    annotations = [{"image_id": 42, "id": n, "caption": text} for n, text in enumerate(("A cat.", "One cat sits."))]
    tiny.write_json(tmp_path / name, {"images": [{"id": 42}], "annotations": annotations})
    tiny.save_image(tmp_path / "coco/val2014/COCO_val2014_000000000042.jpg", 1)
    (sample,) = load("coco_caption", tmp_path)
    assert (sample.id, sample.references) == ("42", ("A cat.", "One cat sits."))
    assert sample.images[0].exists()


def test_q_benchs_images_in_llavas_folder(tmp_path):
    tiny.qbench(tmp_path)
    (tmp_path / "qbench/images").rename(tmp_path / "qbench/images_llvisionqa")
    assert all(image.exists() for sample in load("qbench", tmp_path) for image in sample.images)


def test_nocaps_keeps_the_order_of_images_and_of_their_captions(tmp_path):
    tiny.nocaps(tmp_path)
    samples = load("nocaps", tmp_path)
    assert [s.references for s in samples] == [("Caption 0.", "Caption 2."), ("Caption 1.", "Caption 3.")]
    assert {s.category for s in samples} == {"near-domain"}


def test_textvqa_is_asked_with_ocr_tokens_in_its_variant_alone(tmp_path):
    tiny.textvqa(tmp_path)
    suffix = "Answer the question using a single word or phrase."
    assert question("textvqa", tmp_path) == f"<image>\nWhat is the brand?\n{suffix}"
    with_ocr = f"<image>\nWhat is the brand?\nReference OCR token: NOUS, LES, it's\n{suffix}"
    assert question("textvqa_ocr", tmp_path) == with_ocr
    assert question("textvqa_ocr", tmp_path, 1) == f"<image>\nWhat is the brand?\nReference OCR token: \n{suffix}"


def test_the_tokens_may_come_from_llavas_question_file(tmp_path):
    tiny.textvqa(tmp_path)
    before = load("textvqa_ocr", tmp_path)
    (tmp_path / "textvqa" / "TextVQA_Rosetta_OCR_v0.2_val.json").unlink()
    lines = [
        {"question_id": f"003a{i}", "image": f"003a{i}.jpg", "text": f"What is the brand?{tokens}\nAnswer ..."}
        for i, tokens in enumerate(["\nReference OCR token: NOUS, LES, it's", ""])
    ]
    tiny.write_lines(tmp_path / "textvqa" / "llava_textvqa_val_v051_ocr.jsonl", lines)
    assert load("textvqa_ocr", tmp_path) == before


def test_mathvistas_query_is_put_together_where_the_file_lacks_it(tmp_path):
    tiny.mathvista(tmp_path)
    assert question("mathvista", tmp_path) == (
        "<image>\nHint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end."
        "\nQuestion: How much?\nChoices:\n(A) 145°\n(B) 140°"
    )
    assert question("mathvista_emma", tmp_path, 1) == (
        "Hint: Please answer the question requiring a floating-point number with one decimal place and provide the "
        "final value, e.g., 1.2, 1.3, 1.4, at the end.\nQuestion: How much? (Unit: g)"
    )


@pytest.mark.parametrize(
    ("kind", "precision", "message"), [("flt", 1.0, "flt"), ("float", 3.0, "float3"), ("float", None, "float")]
)
def test_a_mathvista_query_for_an_unknown_kind_of_answer(kind, precision, message):
    problem = {"question_type": "free_form", "answer_type": kind, "precision": precision}
    with pytest.raises(ValueError, match=f"answer_type and precision make '{message}', and there are integer, float1"):
        query(problem)


def test_mmmu_images_stand_where_the_text_points_at_them(tmp_path):
    tiny.mmmu(tmp_path)
    letter = "Answer with the option's letter from the given choices directly."
    assert question("mmmu", tmp_path) == f"See <image> and <image>.\nA. <image>\nB. b's\n{letter}"
    first, second, third = build_requests(load_task("mmmu"), load("mmmu", tmp_path))
    assert [image.name[-5] for image in first.images] == ["2", "1", "3"]
    assert [image.name[-5] for image in second.images] == ["2", "1"]
    assert third.message == "<image>\nHow many?\nAnswer the question using a single word or phrase."
    samples = load("mmmu", tmp_path)
    assert [sample.references for sample in samples] == [("B",), ("A",), ("24/7", "3.429")]
    assert {sample.category for sample in samples} == {"Art_Theory"}


def test_mmmu_as_emma_asks_it(tmp_path):
    tiny.mmmu(tmp_path)
    letter = "Answer with the option's letter from the given choices directly."
    text = f"<image>\nSee <image 2> and <image 1>.\nA. <image 3>\nB. b's\n{letter}"
    assert question("mmmu_pasted", tmp_path) == text
    assert question("mmmu_pasted", tmp_path, 2) == f"<image>\nHow many?\n{letter}"
    request = next(build_requests(load_task("mmmu_pasted"), load("mmmu_pasted", tmp_path)))
    assert request.images[0].open().size == (9, 2)


def test_muirbench_in_place_and_as_emma_asks_it(tmp_path):
    tiny.muirbench(tmp_path)
    suffix = "Answer with the option's letter A, B directly ."
    text = "Which comes after <image> and <image>?\nA. <image>\nB. None"
    assert question("muirbench", tmp_path) == f"{text}\n{suffix}"
    pasted = "Which comes after <image> and Right Image?\nA. Image 2\nB. None"
    assert question("muirbench_pasted", tmp_path) == f"{pasted}\n{suffix}"
    request = next(build_requests(load_task("muirbench_pasted"), load("muirbench_pasted", tmp_path)))
    assert request.instruction == pasted.split("\n", maxsplit=1)[0]
    assert request.images[0].open().size == (9, 2)


def test_hallusionbench_with_and_without_the_questions_that_have_no_image(tmp_path):
    tiny.hallusionbench(tmp_path)
    assert [s.references[0] for s in load("hallusionbench", tmp_path)] == ["yes", "no"]
    assert [len(s.images) for s in load("hallusionbench_full", tmp_path)] == [0, 1, 1]


def test_mmvet_gives_the_text_encoder_the_whole_question(tmp_path):
    tiny.mmvet(tmp_path)
    request = next(build_requests(load_task("mmvet"), load("mmvet", tmp_path)))
    assert request.instruction == "x?\nwhy?"
    assert (request.max_new_tokens, request.sample_id) == (1024, "v1_0")


def test_mmvet_in_llavas_question_file(tmp_path):
    tiny.mmvet(tmp_path)
    before = load("mmvet", tmp_path)
    (tmp_path / "mm-vet" / "mm-vet.json").unlink()
    rows = [{"question_id": f"v1_{i}", "image": f"v1_{i}.png", "text": "x?\nwhy?"} for i in range(2)]
    tiny.write_lines(tmp_path / "mm-vet" / "llava-mm-vet.jsonl", rows)
    assert load("mmvet", tmp_path) == before


ANNOTATIONS, RELATION = "annotations.json", "relation.json"


@pytest.mark.parametrize(
    ("task", "name", "change", "message"),
    [
        (
            "amber_discriminative",
            ANNOTATIONS,
            ('"id": 3', '"id": "3"'),
            "annotations.json, row 2: key 'id': a whole numb",
        ),
        ("amber_discriminative", ANNOTATIONS, ('"yes"', '"maybe"'), "row 0: truth 'maybe' of id 3 is neither"),
        (
            "amber_discriminative",
            ANNOTATIONS,
            ('"id": 4', '"id": 7'),
            "annotations.json: there is no annotation with the",
        ),
        ("amber_discriminative", ANNOTATIONS, ('"id": 4', '"id": 3'), "json, row 3: the id 3 is that of"),
        ("amber_generative", ANNOTATIONS, ('"dog"', '"elk"'), "row 0: object 'elk' of id 1 is not in .*relation.json"),
        (
            "amber_generative",
            RELATION,
            ('["puppy"]', '"pup"'),
            "relation.json: what stands for 'dog' must be a list of",
        ),
        (
            "amber_objects_emma",
            ANNOTATIONS,
            ('["sea"]', "[7]"),
            "annotations.json: truth of id 2 must be a list of text",
        ),
    ],
)
def test_ambers_files_that_do_not_fit(tmp_path, task, name, change, message):
    tiny.amber(tmp_path)
    path = tmp_path / "amber" / "data" / name
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(UserError, match=message):
        load(task, tmp_path)


def test_a_number_in_a_texts_place_is_told_by_file_row_and_key(tmp_path):
    tiny.textvqa(tmp_path)
    path = tmp_path / "textvqa" / "TextVQA_0.5.1_val.json"
    path.write_text(path.read_text().replace('"nous"', "7"))
    with pytest.raises(UserError, match=rf"{path}, row 0: key 'answers': a value of another type than the format has"):
        load("textvqa", tmp_path)
