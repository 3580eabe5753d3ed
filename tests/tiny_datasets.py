"""Tiny data sets, one for each format: official files below a folder, and hub rows with the same content."""

import base64
import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image


def make_image(shade: int) -> Image.Image:
    return Image.new("RGB", (3, 2), (shade, 2 * shade, 3 * shade))


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    make_image(shade).save(buffer, "PNG")
    return buffer.getvalue()


def save_image(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(shade))  # PNG whatever the name says: Pillow looks at the content


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def gzip_in_place(root: Path) -> None:
    """Replace every data file below root by its gzip twin."""
    for path in [p for p in root.rglob("*") if p.suffix in (".json", ".tsv", ".txt")]:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


@dataclass
class TinyDataset:
    """`rows` are hub rows of the default config; `images` those of a second config, where the benchmark has one."""

    task: str
    samples: int
    rows: list[dict[str, Any]]
    images: list[dict[str, Any]] | None = None


def vqa(root: Path) -> TinyDataset:
    ids, answers = [7, 8, 9], [["cat"] * 10, ["a", "b"] * 5, ["two"] * 10]
    questions = [{"image_id": 40 + i, "question": f"What is {i}?", "question_id": q} for i, q in enumerate(ids)]
    notes = [
        {
            "question_id": q,
            "image_id": 40 + i,
            "question_type": "what is",
            "answer_type": "other" if i else "number",
            "multiple_choice_answer": given[0],
            "answers": [{"answer": a, "answer_confidence": "yes", "answer_id": n} for n, a in enumerate(given, 1)],
        }
        for i, (q, given) in enumerate(zip(ids, answers, strict=True))
    ]
    folder = root / "vqav2"
    content = {"data_subtype": "val2014", "questions": questions[::-1]}  # questions in another order than annotations
    write_json(folder / "v2_OpenEnded_mscoco_val2014_questions.json", content)
    write_json(folder / "v2_mscoco_val2014_annotations.json", {"annotations": notes})
    for i in range(3):
        save_image(folder / "val2014" / f"COCO_val2014_{40 + i:012d}.jpg", i)
    rows = [note | {"question": f"What is {i}?", "image": make_image(i)} for i, note in enumerate(notes)]
    return TinyDataset("vqav2", 3, rows)


def vizwiz(root: Path) -> TinyDataset:
    official, rows = [], []
    for i in range(2):
        name = f"VizWiz_val_{i:08d}"
        texts = ["unanswerable" if i else "Coke"] * 10
        kept = {"question": "what is this", "answer_type": "unanswerable" if i else "other", "answerable": 1 - i}
        answers = [{"answer": text, "answer_confidence": "yes"} for text in texts]
        official.append({"image": f"{name}.jpg", "answers": answers} | kept)
        rows.append({"question_id": name, "image": make_image(i), "answers": texts} | kept)
        save_image(root / "vizwiz" / "val" / f"{name}.jpg", i)
    write_json(root / "vizwiz" / "val.json", official)
    return TinyDataset("vizwiz", 2, rows)


def gqa(root: Path) -> TinyDataset:
    questions = {
        f"20{i}": {
            "imageId": f"n{i}",
            "question": "Is it red?",
            "answer": "yes",
            "isBalanced": True,
            "groups": {"global": None, "local": "06-red"},
            "entailed": ["200", "201"],
            "equivalent": ["200"],
            "types": {"structural": "verify", "semantic": "attr", "detailed": "verifyAttr"},
            "semantic": [{"operation": "select", "argument": "it (1)", "dependencies": []}],
        }
        for i in range(2)
    }
    write_json(root / "gqa" / "data" / "testdev_balanced_questions.json", questions)
    for i in range(2):
        save_image(root / "gqa" / "data" / "images" / f"n{i}.jpg", i)
    rows = [{"id": key} | question | {"entailed": str(question["entailed"])} for key, question in questions.items()]
    return TinyDataset("gqa", 2, rows, [{"id": f"n{i}", "image": make_image(i)} for i in (1, 0)])


def scienceqa(root: Path) -> TinyDataset:
    problems = {
        str(i): {
            "question": "Which is a plant?",
            "choices": ["fern", "dog"],
            "answer": i,
            "hint": "Look." if i else "",
            "image": "image.png" if i else None,
            "subject": "natural science",
            "grade": "grade3",
            "topic": "biology",
            "split": "test",
        }
        for i in range(2)
    }
    write_json(root / "scienceqa" / "problems.json", problems)
    write_json(root / "scienceqa" / "pid_splits.json", {"train": [], "test": ["0", "1"]})
    save_image(root / "scienceqa" / "images" / "test" / "1" / "image.png", 1)
    rows = [problem | {"image": make_image(1) if problem["image"] else None} for problem in problems.values()]
    return TinyDataset("scienceqa", 2, rows)


_MMBENCH_COLUMNS = [
    *("index", "question", "hint", "A", "B", "C", "D", "answer"),
    *("category", "image", "source", "l2-category", "comment", "split"),
]


def mmbench(root: Path) -> TinyDataset:
    """Two questions with all passes; the later passes refer to the first one's image."""
    options = {241: ["one", "two", "", ""], 252: ["red", "green", "blue", ""]}
    table, rows = [_MMBENCH_COLUMNS], []
    for number, (index, texts) in enumerate(options.items()):
        count = sum(map(bool, texts))
        for shift in range(count):
            turned = texts[shift:count] + texts[:shift] + texts[count:]
            hint = 'He said "look".\nThen he left.' if number else ""
            cells = [str(index + shift * 1_000_000), "Which?", hint, *turned, "ABCD"[(1 - shift) % count], "ocr"]
            image = str(index) if shift else base64.b64encode(png(number)).decode()
            table.append([*cells, image, "web", "perception", "", "dev"])
            row = dict(zip(_MMBENCH_COLUMNS, table[-1], strict=True))
            row["L2-category"] = row.pop("l2-category")
            rows.append({k: v or "nan" for k, v in row.items()} | {"image": make_image(number)})
    quoted = ["\t".join('"' + cell.replace('"', '""') + '"' if '"' in cell else cell for cell in r) for r in table]
    path = root / "mmbench" / "mmbench_dev_20230712.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(quoted) + "\n", encoding="utf-8")
    return TinyDataset("mmbench_en", 2, rows)


def mme(root: Path) -> TinyDataset:
    """One subtask with texts beside the images, one with both in folders; the last line has no newline."""
    rows = []
    for subtask, texts, images in (("OCR", "", ""), ("scene", "questions_answers_YN", "images")):
        for i in range(2):
            folder = root / "MME" / "MME_Benchmark_release_version" / subtask
            save_image(folder / images / f"000{i}.png", i)
            asked = [(f"Is it {i}?  Please answer yes or no.", "Yes"), ("Is it 7? Please answer yes or no.", "No")]
            (folder / texts).mkdir(exist_ok=True)
            content = "\n".join("\t".join(pair) for pair in asked)
            (folder / texts / f"000{i}.txt").write_text(content, encoding="utf-8")
            for question, answer in asked:
                row = {"question_id": f"{subtask}/000{i}.png", "image": make_image(i), "question": question}
                rows.append(row | {"answer": answer, "category": subtask})
    return TinyDataset("mme", 8, rows)


def seed(root: Path) -> TinyDataset:
    questions = [
        {
            "question_id": str(100 + i),
            "data_id": f"{i}_{i}" if kind == "image" else f"{i}.webm",
            "data_type": kind,
            "question_type_id": number,
            "question": "What is shown?",
            "answer": "C",
            **{f"choice_{letter}": f"{letter}{i}" for letter in "abcd"},
        }
        for i, (kind, number) in enumerate([("image", 1), ("video", 10)])
    ]
    types = {"Scene Understanding": 1, "Action Recognition": 10}
    write_json(root / "seed_bench" / "SEED-Bench.json", {"question_type": types, "questions": questions})
    save_image(root / "seed_bench" / "SEED-Bench-image" / "0_0", 0)
    save_image(root / "seed_bench" / "SEED-Bench-video-image" / "10_101.png", 1)
    frames = [[make_image(0)], [make_image(9), make_image(1), make_image(9), make_image(9)]]
    return TinyDataset(
        "seed", 2, [question | {"image": images} for question, images in zip(questions, frames, strict=True)]
    )


def pope(root: Path) -> TinyDataset:
    rows = []
    for shade, category in enumerate(("random", "popular", "adversarial")):
        name = f"COCO_val2014_{shade:012d}.jpg"
        lines = []
        for number, label in enumerate(("yes", "no"), 1):
            asked = {"question_id": number, "text": f"Is there a {category}?", "label": label}
            lines.append(json.dumps({"image": name} | asked))
            row = {"id": str(number), "question_id": str(number), "question": asked["text"], "answer": label}
            rows.append(row | {"image_source": name[:-4], "image": make_image(shade), "category": category})
        path = root / "pope" / "coco" / f"coco_pope_{category}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines), encoding="utf-8")
        save_image(root / "pope" / "val2014" / name, shade)
    return TinyDataset("pope", 6, rows[4:] + rows[2:4] + rows[:2])  # the hub begins with adversarial


TINY_DATASETS = (vqa, vizwiz, gqa, scienceqa, mmbench, mme, seed, pope)
