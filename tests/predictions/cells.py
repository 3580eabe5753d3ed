"""Which answer files each benchmark takes, and what the documentation says of them: `docs/predictions.md` is this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import prediction_formats as formats
from tests import tiny_datasets as tiny
from tests import tiny_datasets_wider as tiny_wider
from tests.prediction_formats import Given, llava_answers, official, sheet

FORMATS = ("official results", "LLaVA's and EMMA's answers.jsonl", "LLaVA's upload", "VLMEvalKit", "lmms-eval")


@dataclass(frozen=True)
class Cell:
    """A file name, what writes it, and what the documentation says: the keys, how a row finds its sample."""

    name: str
    write: Callable[[Given], str]
    says: str


@dataclass(frozen=True)
class Benchmark:
    """A task, its tiny data, and a cell for each of FORMATS; None where nobody has such a file."""

    task: str
    make: Callable[[Path], Any]
    cells: tuple[Cell | None, ...]


JSON, LINES, TSV = "answers.json", "answers.jsonl", "sheet.tsv"
LLAVA = Cell(LINES, llava_answers(), "`question_id`, `text`: id")
SHEET = Cell(TSV, sheet(), "`index`, `prediction`: row number, with its `question`")
LMMS = Cell(LINES, formats.lmms_eval, "`doc`, `filtered_resps`: the id in `doc`")
LMMS_NUMBER = Cell(LINES, formats.lmms_eval, "`doc`, `filtered_resps`: `doc_id`, with `doc.question`")
OBJECT = Cell(JSON, formats.object_of_texts, "object id → text")


def ids(key: str, answer: str, says: str = "") -> Cell:
    return Cell(JSON, official(key, answer, number_ids=key != "image"), says or f"`{key}`, `{answer}`: id")


BENCHMARKS = (
    Benchmark("vqav2", tiny.vqa, (ids("question_id", "answer"), LLAVA, ids("question_id", "answer"), SHEET, LMMS)),
    Benchmark("gqa", tiny.gqa, (ids("questionId", "prediction"), LLAVA, ids("questionId", "prediction"), SHEET, LMMS)),
    Benchmark(
        "vizwiz",
        tiny.vizwiz,
        (
            ids("image", "answer", "`image`, `answer`: the image"),
            Cell(LINES, llava_answers(formats.row_number), "`question_id`, `text`: row number, with its `prompt`"),
            ids("image", "answer", "`image`, `answer`: the image"),
            SHEET,
            Cell(LINES, formats.lmms_eval, "`doc`, `filtered_resps`: the image's name in `doc`"),
        ),
    ),
    Benchmark(
        "textvqa",
        tiny_wider.textvqa,
        (
            ids("question_id", "answer"),
            Cell(
                LINES,
                llava_answers(lambda _, sample: sample.meta["image"]),
                "`question_id`, `text`: the image as id, and the question in `prompt`",
            ),
            None,
            SHEET,
            LMMS,
        ),
    ),
    Benchmark(
        "scienceqa",
        tiny.scienceqa,
        (
            Cell(JSON, formats.scienceqa_results, "`outputs`: object id → text"),
            LLAVA,
            Cell(JSON, formats.scienceqa_output, "`correct` and `incorrect`, rows of `question_id`, `pred`: id"),
            SHEET,
            LMMS_NUMBER,
        ),
    ),
    Benchmark(
        "mmbench_en",
        tiny.mmbench,
        (
            Cell(TSV, formats.upload_mmbench, "`index`, `prediction`: index + 1,000,000 a pass"),
            Cell(LINES, llava_answers(), "`question_id`, `round_id`, `text`: id and pass; or index + 1,000,000 a pass"),
            Cell(TSV, formats.upload_mmbench, "`index`, `prediction`: index + 1,000,000 a pass"),
            Cell(TSV, sheet(lambda _, s: int(s.id)), "`index`, `prediction`: index + 1,000,000 a pass"),
            Cell(LINES, formats.lmms_eval, "`doc`, `filtered_resps`: `doc.index` + 1,000,000 a pass"),
        ),
    ),
    Benchmark(
        "mme",
        tiny.mme,
        (
            Cell("folder", official("id", "answer"), "folder of `<subtask>.txt`: subtask, image and question"),
            Cell(
                LINES,
                llava_answers(formats.mme_id),
                "`question_id`, `text`: subtask and image as id, and the question in `prompt`",
            ),
            Cell("folder", official("id", "answer"), "folder of `<subtask>.txt`: subtask, image and question"),
            SHEET,
            Cell(LINES, formats.lmms_eval, "`doc`, `filtered_resps`: image and question in `doc`"),
        ),
    ),
    Benchmark(
        "seed",
        tiny.seed,
        (ids("question_id", "prediction"), LLAVA, ids("question_id", "prediction"), SHEET, LMMS),
    ),
    Benchmark(
        "pope",
        tiny.pope,
        (
            Cell(LINES, formats.pope_official, "`question`, `answer`: the order of the questions, of all or one file"),
            Cell(LINES, llava_answers(formats.llava_pope), "`question_id`, `text`: LLaVA's ids (random 10000001..)"),
            None,
            SHEET,
            Cell(LINES, formats.lmms_eval, "`doc`, `filtered_resps`: `question_id` and `category` in `doc`"),
        ),
    ),
    Benchmark("mmmu", tiny_wider.mmmu, (OBJECT, LLAVA, None, SHEET, LMMS)),
    Benchmark("muirbench", tiny_wider.muirbench, (None, LLAVA, None, SHEET, LMMS)),
    Benchmark(
        "mathvista",
        tiny_wider.mathvista,
        (
            Cell(JSON, formats.mathvista, "object id → {`response`, `extraction`}: the protocol says which"),
            LLAVA,
            None,
            SHEET,
            LMMS,
        ),
    ),
    Benchmark(
        "qbench",
        tiny_wider.qbench,
        (
            None,
            Cell(LINES, formats.with_question, "`img_path`, `question`, `response`: image and question"),
            None,
            SHEET,
            LMMS_NUMBER,
        ),
    ),
    Benchmark("abench", tiny_wider.abench, (None, LLAVA, None, SHEET, LMMS)),
    Benchmark(
        "hallusionbench",
        tiny_wider.hallusionbench,
        (
            Cell(JSON, formats.hallusionbench, "`model_prediction`: the columns of the id"),
            LLAVA,
            None,
            Cell(TSV, sheet(lambda _, s: f"hallusion_{s.id}"), "`index`, `prediction`: the id at the index's end"),
            Cell(LINES, formats.lmms_eval, "`doc`, `filtered_resps`: the columns of the id in `doc`"),
        ),
    ),
    Benchmark(
        "mmvet",
        tiny_wider.mmvet,
        (
            Cell(JSON, formats.object_of_texts, "object id → text; with `v1_` or without"),
            Cell(
                LINES,
                llava_answers(lambda _, s: int(s.id.removeprefix("v1_"))),
                "`question_id`, `text`: id, with `v1_` or without",
            ),
            Cell(JSON, formats.object_of_texts, "object id → text; with `v1_` or without"),
            SHEET,
            LMMS,
        ),
    ),
    Benchmark("llava_bench", tiny_wider.llava_bench, (LLAVA, LLAVA, None, SHEET, LMMS)),
    Benchmark("mmvp", tiny_wider.mmvp, (None, LLAVA, None, SHEET, None)),
    Benchmark("foil", tiny_wider.foil, (None, LLAVA, None, None, None)),
    Benchmark("amber_discriminative", tiny_wider.amber, (ids("id", "response"), LLAVA, None, SHEET, None)),
    Benchmark("amber_generative", tiny_wider.amber, (ids("id", "response"), LLAVA, None, SHEET, None)),
    Benchmark("coco_caption", tiny_wider.karpathy, (ids("image_id", "caption"), LLAVA, None, None, None)),
    Benchmark("nocaps", tiny_wider.nocaps, (ids("image_id", "caption"), LLAVA, None, None, None)),
)


def table() -> str:
    """The table of the documentation."""
    head = ["| benchmark | " + " | ".join(FORMATS) + " |", "|" + "---|" * (len(FORMATS) + 1)]
    rows = [
        f"| {one.task} | " + " | ".join(cell.says if cell else "no such file" for cell in one.cells) + " |"
        for one in BENCHMARKS
    ]
    return "\n".join([*head, *rows])
