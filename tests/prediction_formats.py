"""Answer files in every format that people have, made of samples and answers: what the table in the docs says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emma_eval.prompts.building import build_requests
from emma_eval.tasks.circular import pass_choices
from emma_eval.tasks.config import TaskConfig
from emma_eval.types import Key, Sample

Texts = Mapping[Key, str]
Rows = list[dict[str, Any]]
PASS = 1_000_000


@dataclass(frozen=True)
class Given:
    """What a file is made of: the samples, an answer to each pass, the rows of the hub's data set."""

    task: TaskConfig
    samples: Sequence[Sample]
    texts: Texts
    hub: Rows

    def keyed(self) -> list[tuple[Sample, int, str]]:
        by_id = {sample.id: sample for sample in self.samples}
        return [(by_id[sample_id], pass_index, text) for (sample_id, pass_index), text in self.texts.items()]


def number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def image_of(sample: Sample) -> str:
    return sample.images[0].name.rpartition("/")[2] if sample.images else ""


def asked(given: Given, sample: Sample, pass_index: int) -> str:
    """The prompt without its template, as LLaVA's and EMMA's scripts write it down."""
    request = list(build_requests(given.task, [sample]))[pass_index]
    return request.message.replace("<image>\n", "").strip()


def lines(rows: Rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def official(id_key: str, answer_key: str, *, number_ids: bool = True) -> Callable[[Given], str]:
    """A JSON array of {id, answer}."""

    def write(given: Given) -> str:
        ids = [(number(sample.id) if number_ids else sample.id, text) for sample, _, text in given.keyed()]
        return json.dumps([{id_key: one, answer_key: text} for one, text in ids])

    return write


def object_of_texts(given: Given) -> str:
    return json.dumps({sample.id: text for sample, _, text in given.keyed()})


def llava_answers(
    id_of: Callable[[Given, Sample], Any] = lambda _, sample: number(sample.id),
) -> Callable[[Given], str]:
    """LLaVA's and EMMA's answers.jsonl."""

    def write(given: Given) -> str:
        rows = []
        for sample, pass_index, text in given.keyed():
            row = {"question_id": id_of(given, sample), "prompt": asked(given, sample, pass_index), "text": text}
            if given.task.circular:
                choices = list(pass_choices(sample, circular=True))[pass_index]
                row |= {"round_id": pass_index, "options": list(choices.values()), "option_char": list(choices)}
            rows.append(row | {"answer_id": "x", "model_id": "m", "metadata": {}})
        return lines(rows)

    return write


def llava_pope(given: Given, sample: Sample) -> int:
    shift = {"adversarial": 0, "random": 10_000_000, "popular": 20_000_000}[sample.category]
    return shift + sample.meta["question_id"]


def row_number(given: Given, sample: Sample) -> int:
    return list(given.samples).index(sample)


def mme_id(_: Given, sample: Sample) -> str:
    return f"{sample.category}/images/{sample.meta['image']}"


def sheet(index_of: Callable[[Given, Sample], Any] = row_number) -> Callable[[Given], str]:
    """VLMEvalKit's, as TSV: the reference answer stands beside the prediction."""

    def write(given: Given) -> str:
        rows = []
        for sample, pass_index, text in given.keyed():
            index = index_of(given, sample)
            row = {"index": index + PASS * pass_index if given.task.circular else index, "question": sample.question}
            row["category"] = sample.category
            options = list(pass_choices(sample, given.task.circular))[pass_index]
            row |= {letter: options.get(letter, "") for letter in "ABCD"} if sample.options else {}
            row |= {key: sample.meta[key] for key in ("set_id", "figure_id", "subcategory") if key in sample.meta}
            rows.append(row | {"answer": "C", "prediction": text})
        return tsv(rows)

    return write


def tsv(rows: Rows) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(
        file, list(dict.fromkeys(key for row in rows for key in row)), delimiter="\t", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def upload_mmbench(given: Given) -> str:
    rows = []
    for sample, pass_index, text in given.keyed():
        options = list(pass_choices(sample, circular=True))[pass_index]
        row = {"index": int(sample.id) + PASS * pass_index, "question": sample.question}
        row |= {letter: options.get(letter, "") for letter in "ABCD"}
        rows.append(row | {"prediction": text, "answer": "C", "split": "dev"})
    return tsv(rows)


def scienceqa_results(given: Given) -> str:
    return json.dumps({"acc": 1.0, "results": {}, "outputs": {sample.id: text for sample, _, text in given.keyed()}})


def scienceqa_output(given: Given) -> str:
    rows = [
        {"question_id": sample.id, "parsed_ans": "B", "ground_truth": "C", "pred": text, "is_multimodal": True}
        | {"question": asked(given, sample, 0)}
        for sample, _, text in given.keyed()
    ]
    return json.dumps({"correct": rows[:1], "incorrect": rows[1:]}, indent=2)


def mathvista(given: Given) -> str:
    problems = {sample.id: {"pid": sample.id, "answer": "0", "response": text} for sample, _, text in given.keyed()}
    return json.dumps(problems, indent=1)


def pope_official(given: Given) -> str:
    """What POPE's evaluate.py takes: no ids, the order of the questions."""
    return lines([{"question": sample.question, "answer": text} for sample, _, text in given.keyed()])


def hallusionbench(given: Given) -> str:
    keys = ("subcategory", "set_id", "figure_id", "question_id")
    return json.dumps(
        [
            {"category": sample.category, "question": sample.question, "gt_answer": "1", "model_prediction": text}
            | {key: sample.meta[key] for key in keys}
            for sample, _, text in given.keyed()
        ]
    )


def with_question(given: Given) -> str:
    """The benchmark's rows with a `response`, as LLaVA's and EMMA's Q-Bench scripts write them."""
    return lines(
        [
            {"img_path": image_of(sample), "question": sample.question, "correct_ans": "x", "response": text}
            for sample, _, text in given.keyed()
        ]
    )


def lmms_eval(given: Given) -> str:
    """Its sample file: the hub's row as `doc`, without images."""
    rows = []
    for place, (text, doc) in enumerate(zip(texts_of_docs(given), given.hub, strict=True)):
        kept = {key: value for key, value in doc.items() if plain(value)}
        rows.append(
            {"doc_id": place, "doc": kept, "target": "C", "input": "", "resps": [[f"raw {text}"]]}
            | {"filtered_resps": [text], "doc_hash": "x", "accuracy": {"prediction": "no", "question_id": 0}}
        )
    return lines(rows)


def plain(value: Any) -> bool:
    """Whether lmms-eval keeps a column: it drops images."""
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or isinstance(value, str | int | float | dict)


def texts_of_docs(given: Given) -> list[str]:
    """The answer to each hub row: the hub may have another order, and a row for each pass."""
    from emma_eval.data.loading import row_reader

    reader = row_reader(given.task)
    assert reader is not None
    if given.task.circular:
        ids = [divmod(int(row["index"]), PASS) for row in given.hub]
        return [given.texts[str(base), pass_index] for pass_index, base in ids]
    if given.task.reader == "pope_jsonl":
        official = {(s.category, str(s.meta["question_id"])): s.id for s in given.samples}
        return [given.texts[official[row["category"], row["question_id"]], 0] for row in given.hub]
    return [given.texts[sample.id, 0] for sample in given.samples]
