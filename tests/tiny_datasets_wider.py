"""Tiny data sets in the official files, and as hub rows, of the benchmarks beyond the first ones."""

import csv
import json
from pathlib import Path

from tests.tiny_datasets import TinyDataset, make_image, save_image, write_json


def write_lines(path: Path, rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def textvqa(root: Path) -> TinyDataset:
    rows = [
        {"question_id": 34602 + i, "image_id": f"003a{i}", "question": "what is the brand?", "answers": ["nous"] * 10}
        for i in range(2)
    ]
    tokens = [["NOUS", "LES", "it's"], []]
    folder = root / "textvqa"
    write_json(folder / "TextVQA_0.5.1_val.json", {"dataset_type": "val", "data": rows})
    boxes = [{"image_id": row["image_id"], "ocr_tokens": own} for row, own in zip(rows, tokens, strict=True)]
    write_json(folder / "TextVQA_Rosetta_OCR_v0.2_val.json", {"data": boxes})
    for i, row in enumerate(rows):
        save_image(folder / "train_images" / f"{row['image_id']}.jpg", i)
    hub = [
        row | {"ocr_tokens": own, "image": make_image(i)} for i, (row, own) in enumerate(zip(rows, tokens, strict=True))
    ]
    return TinyDataset("textvqa_ocr", 2, hub)


def mmmu(root: Path) -> TinyDataset:
    """Images in the question, in an option, and in neither; an open question with two truths."""
    rows = [
        {
            "id": f"validation_Art_Theory_{i}",
            "question": "See <image 2> and <image 1>." if i < 2 else "How many?",
            "options": ["['<image 3>', 'b\\'s']", "['x', 'y', 'z']", "[]"][i],
            "answer": ["B", "A", "['24/7', '3.429']"][i],
            "question_type": "open" if i == 2 else "multiple-choice",
        }
        for i in range(3)
    ]
    shown = [(1, 2, 3), (1, 2), (1,)]
    local = [row | {f"image_{n}": f"{row['id']}_{n}.png" for n in own} for row, own in zip(rows, shown, strict=True)]
    write_lines(root / "mmmu" / "validation.jsonl", local)
    for row, own in zip(rows, shown, strict=True):
        for n in own:
            save_image(root / "mmmu" / "images" / f"{row['id']}_{n}.png", n)
    hub = [
        row | {f"image_{n}": make_image(n) if n in own else None for n in range(1, 8)}
        for row, own in zip(rows, shown, strict=True)
    ]
    return TinyDataset("mmmu", 3, hub)


def muirbench(root: Path) -> TinyDataset:
    rows = [
        {
            "idx": str(i),
            "task": "Ordering",
            "image_relation": "Temporal",
            "question": "Which comes after <image> and <image>?",
            "options": ["<image>", "None"],
            "answer": "AB"[i],
        }
        for i in range(2)
    ]
    write_lines(root / "muirbench" / "test.jsonl", [r | {"image_list": ["0.jpg", "1.jpg", "2.jpg"]} for r in rows])
    for i in range(3):
        save_image(root / "muirbench" / "images" / f"{i}.jpg", i)
    return TinyDataset("muirbench", 2, [row | {"image_list": [make_image(i) for i in range(3)]} for row in rows])


def mathvista(root: Path) -> TinyDataset:
    kinds = [("multi_choice", "text", None, ["145°", "140°"], "140°"), ("free_form", "float", 1.0, None, "1.2")]
    rows = []
    for pid, (kind, form, precision, choices, answer) in enumerate(kinds, 1):
        rows.append(
            {
                "pid": str(pid),
                "question": "How much?",
                "image": f"images/{pid}.jpg",
                "choices": choices,
                "unit": None if choices else "g",
                "precision": precision,
                "answer": answer,
                "question_type": kind,
                "answer_type": form,
                "metadata": {"task": "word problem", "language": "english", "skills": ["algebraic reasoning"]},
            }
        )
        save_image(root / "mathvista" / f"images/{pid}.jpg", pid)
    write_json(root / "mathvista" / "testmini.json", {row["pid"]: row for row in rows})
    return TinyDataset("mathvista", 2, [row | {"decoded_image": make_image(int(row["pid"]))} for row in rows])


def qbench(root: Path) -> TinyDataset:
    options = [["Sky", "River", "Trees"], ["Yes", "No"]]
    local, hub = [], []
    for i, texts in enumerate(options):
        local.append(
            {"type": 1, "concern": 3, "question": "Which?", "img_path": f"{i}.jpg", "candidates": texts}
            | {"correct_ans": texts[1]}
        )
        cells = {f"option{n}": text for n, text in enumerate([*texts, "N/A", "N/A"][:4])}
        hub.append({"id": i, "question": "Which?", "image": make_image(i), "correct_choice": "B"} | cells)
        save_image(root / "qbench" / "images" / f"{i}.jpg", i)
    write_json(root / "qbench" / "llvisionqa_dev.json", local)
    return TinyDataset("qbench", 2, hub)


def abench(root: Path) -> TinyDataset:
    cells = {"option0": "Forest", "option1": "N/A", "option2": "Desert", "option3": "N/A", "category": "part1 -> x"}
    rows = [{"id": i, "question": "Where?", "correct_choice": "B"} | cells for i in range(2)]
    write_lines(root / "abench" / "dev.jsonl", [row | {"image": f"{row['id']}.png"} for row in rows])
    for i in range(2):
        save_image(root / "abench" / "images" / f"{i}.png", i)
    return TinyDataset("abench", 2, [row | {"image": make_image(row["id"])} for row in rows])


def hallusionbench(root: Path) -> TinyDataset:
    """The first question has no image, and is left out."""
    rows = [
        {
            "category": "VS",
            "subcategory": "chart",
            "visual_input": str(i),
            "set_id": "0",
            "figure_id": str(i),
            "question_id": "0",
            "question": "Is it more?",
            "gt_answer": str(i % 2),
            "filename": f"./hallusion_bench/VS/chart/0_{i}.png" if i else None,
        }
        for i in range(3)
    ]
    write_json(root / "hallusionbench" / "HallusionBench.json", rows)
    for i in (1, 2):
        save_image(root / "hallusionbench" / "hallusion_bench" / "VS" / "chart" / f"0_{i}.png", i)
    return TinyDataset("hallusionbench", 2, [row | {"image": make_image(i)} for i, row in enumerate(rows) if i])


def mmvet(root: Path) -> TinyDataset:
    rows = {f"v1_{i}": {"imagename": f"v1_{i}.png", "question": "x?\nwhy?", "answer": "1"} for i in range(2)}
    write_json(root / "mm-vet" / "mm-vet.json", rows)
    for i in range(2):
        save_image(root / "mm-vet" / "images" / f"v1_{i}.png", i)
    return TinyDataset(
        "mmvet", 2, [{"question_id": f"v1_{i}", "question": "x?\nwhy?", "image": make_image(i)} for i in range(2)]
    )


def llava_bench(root: Path) -> TinyDataset:
    rows = [{"question_id": i, "image": f"00{i}.jpg", "text": "Describe.", "category": "detail"} for i in range(2)]
    write_lines(root / "llava-bench-in-the-wild" / "questions.jsonl", rows)
    for i in range(2):
        save_image(root / "llava-bench-in-the-wild" / "images" / f"00{i}.jpg", i)
    kept = [{"question_id": i, "question": "Describe.", "category": "detail", "image": make_image(i)} for i in range(2)]
    return TinyDataset("llava_bench", 2, kept)


def mmvp(root: Path) -> None:
    rows = [
        ["1", "Is it open?", "(a) Open (b) Closed", "(a)"],
        ["2", "Is it open?", "(a) Open (b) Closed", "(b)"],
    ]
    folder = root / "vision-bench" / "MMVP"
    (folder / "MMVP Images").mkdir(parents=True)
    with (folder / "Questions.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([["Index", "Question", "Options", "Correct Answer"], *rows])
    for i in (1, 2):
        save_image(folder / "MMVP Images" / f"{i}.jpg", i)


def foil(root: Path) -> None:
    records = [
        {"id": 100 + i, "image_id": i, "caption": f"A {word}.", "foil": is_foil}
        for i, own in enumerate([("cat", "dog"), ("fox", "owl"), ("dog", "cat"), ("owl", "fox")])
        for word, is_foil in zip(own, (False, True), strict=True)
    ]
    write_json(root / "foil" / "foilv1.0_test_2017.json", {"annotations": records, "images": []})
    for i in range(4):
        save_image(root / "coco" / "val2014" / f"COCO_val2014_{i:012d}.jpg", i)


def amber(root: Path) -> None:
    annotations = [
        {"id": 1, "type": "generative", "truth": ["sky", "dog"], "hallu": ["cat"]},
        {"id": 2, "type": "generative", "truth": ["sea"], "hallu": ["ship", "bird"]},
        {"id": 3, "type": "discriminative-attribute-state", "truth": "yes"},
        {"id": 4, "type": "relation", "truth": "no"},
    ]
    queries = [
        {"id": row["id"], "image": f"AMBER_{row['id']}.jpg", "query": "Describe this image."} for row in annotations
    ]
    data = root / "amber" / "data"
    write_json(data / "annotations.json", annotations)
    write_json(data / "query" / "query_generative.json", queries[:2])
    write_json(data / "query" / "query_discriminative.json", [q | {"query": "Is it wet?"} for q in queries[2:]])
    write_json(
        data / "relation.json", {"sky": [], "dog": ["puppy"], "cat": [], "sea": ["water"], "ship": [], "bird": []}
    )
    (data / "safe_words.txt").write_text("light\nline\n")
    for i in range(1, 5):
        save_image(root / "amber" / "image" / f"AMBER_{i}.jpg", i)


def karpathy(root: Path) -> None:
    sentences = [{"raw": "A cat."}, {"raw": "One cat sits."}]
    images = [
        {"filepath": "val2014", "filename": f"{i}.jpg", "split": split, "cocoid": 40 + i, "sentences": sentences}
        for i, split in enumerate(["train", "test", "val", "test"])
    ]
    write_json(root / "coco" / "dataset_coco.json", {"images": images, "dataset": "coco"})
    for i in range(4):
        save_image(root / "coco" / "val2014" / f"{i}.jpg", i)


def nocaps(root: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.jpg", "domain": "near-domain"} for i in range(2)]
    annotations = [{"image_id": i % 2, "id": i, "caption": f"Caption {i}."} for i in range(4)]
    write_json(root / "nocaps" / "nocaps_val_4500_captions.json", {"images": images, "annotations": annotations})
    for i in range(2):
        save_image(root / "nocaps" / "validation" / f"{i}.jpg", i)


WITH_HUB = (textvqa, mmmu, muirbench, mathvista, qbench, abench, hallusionbench, mmvet, llava_bench)
