"""Golden folders to Samples."""

from pathlib import Path

from emma_eval.types import Sample
from tests.golden.files import read_json, read_lines, read_text


def vqa_samples(folder: Path, prefix: str = "") -> list[Sample]:
    questions = {q["question_id"]: q["question"] for q in read_json(folder, f"{prefix}questions.json")["questions"]}
    samples = []
    for row in read_json(folder, f"{prefix}annotations.json")["annotations"]:
        meta = {"question_type": row["question_type"], "answer_type": row["answer_type"]}
        ids = {answer.get("answer_id") for answer in row["answers"]}
        if None in ids or len(ids) < len(row["answers"]):
            meta["answer_keys"] = tuple(
                frozenset((k, v) for k, v in answer.items() if k != "answer") for answer in row["answers"]
            )
        texts = tuple(answer["answer"] for answer in row["answers"])
        samples.append(
            Sample(str(row["question_id"]), questions[row["question_id"]], answers=texts, category=row["answer_type"], meta=meta)
        )
    return samples


def pope_samples(folder: Path) -> list[Sample]:
    samples: list[Sample] = []
    for category in ("random", "popular", "adversarial"):
        for row in read_lines(folder, f"coco_pope_{category}.json"):
            samples.append(Sample(str(len(samples)), row["text"], answers=(row["label"],), category=category))
    return samples


def mme_samples(folder: Path) -> list[Sample]:
    samples = []
    for path in sorted(folder.glob("*.txt*")):
        subtask = path.name.split(".")[0]
        for number, line in enumerate(read_text(folder, f"{subtask}.txt").splitlines()):
            image, question, truth = line.split("\t")[:3]
            meta = {"image": image, "pair": number // 2}
            samples.append(Sample(f"{subtask}/{number}", question, answers=(truth,), category=subtask, meta=meta))
    return samples


def seed_samples(folder: Path, name: str) -> list[Sample]:
    data = read_json(folder, name)
    names = {number: name for name, number in data["question_type"].items()}
    return [
        Sample(
            str(row["question_id"]),
            row["question"],
            answers=(row["answer"],),
            category=names[row["question_type_id"]],
            meta={"question_type_id": row["question_type_id"], "data_type": row["data_type"]},
        )
        for row in data["questions"]
    ]
