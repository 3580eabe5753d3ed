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


def gqa_samples(folder: Path, questions: str, choices: str | None = None) -> list[Sample]:
    allowed = read_json(folder, choices) if choices else {}
    return [
        Sample(
            key,
            row["question"],
            answers=(row["answer"],),
            category=row["types"]["structural"],
            meta={name: row[name] for name in ("types", "semantic", "groups", "entailed")}
            | {"is_balanced": row["isBalanced"]}
            | allowed.get(key, {}),
        )
        for key, row in read_json(folder, questions).items()
    ]


def scienceqa_samples(folder: Path) -> list[Sample]:
    problems = read_json(folder, "problems.json")
    return [
        Sample(
            key,
            problems[key]["question"],
            options=tuple(problems[key]["choices"]),
            answers=("ABCDE"[problems[key]["answer"]],),
            hint=problems[key]["hint"],
            category=problems[key]["subject"],
            meta={name: problems[key][name] for name in ("subject", "grade", "topic")}
            | {"has_image": bool(problems[key]["image"])},
        )
        for key in read_json(folder, "pid_splits.json")["test"]
    ]


def vizwiz_samples(folder: Path) -> list[Sample]:
    return [
        Sample(
            row["image"],
            row["question"],
            answers=tuple(answer["answer"] for answer in row["answers"]),
            category=row["answer_type"],
            meta={"answer_type": row["answer_type"], "answerable": row["answerable"]},
        )
        for row in read_json(folder, "annotations.json")
    ]
