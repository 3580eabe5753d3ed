"""How long a run needs to prepare VQAv2 val's 214,354 questions: read, count, hash, build the prompts.

On generated data, as official files and as fetched from the hub, each in fresh processes and without a model. The
time is from the first import of emma_eval to the last prompt; the interpreter's own start is not included. The images
are about 40,000 empty files, or a tiny one in every row.

    python benchmarks/start_vqav2.py [--questions N] [--folder DIR] [--output FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks import score_vqav2

BAR = 3.0  # seconds
REPEATS = 3
SHARDS = 8
QUESTIONS = "v2_OpenEnded_mscoco_val2014_questions.json"
ANNOTATIONS = "v2_mscoco_val2014_annotations.json"
PER_IMAGE = 5  # questions about an image, as `score_vqav2` generates them


class Measurement(NamedTuple):
    """The cost of one start."""

    requests: int
    wall: float  # seconds
    processor: float  # seconds, of all threads
    memory: int  # peak, bytes


def get_ready(root: Path) -> Measurement:
    """From a data root to the last prompt; call it in a fresh process."""
    wall, processor = time.perf_counter(), time.process_time()
    from emma_eval.models.base import ModelSpec
    from emma_eval.runs.plan import plan_task, with_requests
    from emma_eval.runs.settings import RunSettings

    settings = RunSettings(ModelSpec("emma-mini"), ("vqav2",), "vqav2", data=root, allow_partial=True)
    plan = with_requests(plan_task("vqav2", settings), "vicuna_v1")
    seconds = time.perf_counter() - wall, time.process_time() - processor
    return Measurement(len(plan.requests), *seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def write_official(root: Path, questions: int) -> None:
    """Write the official files and the folder of images below a root."""
    folder = root / "vqav2"
    (folder / "val2014").mkdir(parents=True)
    score_vqav2.generate(folder, questions)
    (folder / "questions.json").rename(folder / QUESTIONS)
    (folder / "annotations.json").rename(folder / ANNOTATIONS)
    for number in range((questions + PER_IMAGE - 1) // PER_IMAGE):
        (folder / "val2014" / f"COCO_val2014_{number:012d}.jpg").touch()


def write_fetched(root: Path, official: Path) -> None:
    """Write the same questions as parquet files with the hub's columns, as after `data fetch`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from emma_eval.data.hub.snapshot import HubFile, Split, repository_folder, split_path
    from emma_eval.data.loading import load_samples
    from emma_eval.tasks.loading import load_task

    task = load_task("vqav2")
    assert task.hub is not None
    assert task.hub.revision is not None
    folder = repository_folder(root, task.hub.id)
    (folder / "data").mkdir(parents=True)
    features, rows, files = _features(), _rows(official), []
    for shard in range(SHARDS):
        path = folder / "data" / f"validation-{shard:05d}-of-{SHARDS:05d}.parquet"
        part = rows[shard * len(rows) // SHARDS : (shard + 1) * len(rows) // SHARDS]
        pq.write_table(pa.Table.from_pylist(part, schema=features.arrow_schema), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files.append(HubFile(path=f"data/{path.name}", size=path.stat().st_size, sha256=digest))
    split = Split(
        id=task.hub.id,
        config=None,
        split=task.hub.split,
        revision=task.hub.revision,
        builder="parquet",
        features=features.to_dict(),
        files=tuple(files),
    )
    note = split_path(root, task.hub, None)
    note.parent.mkdir()
    note.write_text(split.model_dump_json())
    load_samples(task, root, allow_partial=True)


def _features() -> Any:
    from datasets import Features, Image, Value

    text, number = Value("string"), Value("int64")
    answer = {"answer": text, "answer_confidence": text, "answer_id": number}
    texts = dict.fromkeys(("question_type", "multiple_choice_answer", "answer_type", "question"), text)
    return Features(texts | {"image_id": number, "question_id": number, "answers": [answer], "image": Image()})


def _rows(official: Path) -> list[dict[str, Any]]:
    from PIL import Image

    image = BytesIO()
    Image.new("RGB", (2, 2)).save(image, "JPEG")
    cell = {"image": {"bytes": image.getvalue(), "path": None}}
    questions = json.loads((official / "vqav2" / QUESTIONS).read_bytes())["questions"]
    texts = {question["question_id"]: question["question"] for question in questions}
    annotations = json.loads((official / "vqav2" / ANNOTATIONS).read_bytes())["annotations"]
    return [row | cell | {"question": texts[row["question_id"]]} for row in annotations]


def in_new_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function in a new process and return its result."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def main() -> int:
    """Generate, measure, print and write; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=score_vqav2.QUESTIONS)
    parser.add_argument("--folder", type=Path, help="where the generated data stay, for the next time")
    parser.add_argument("--output", type=Path, help="JSON (default results/benchmarks/start-vqav2.json)")
    args = parser.parse_args()
    with nullcontext(args.folder) if args.folder else tempfile.TemporaryDirectory() as name:
        official, fetched = Path(name, "official"), Path(name, "fetched")
        if not official.exists():
            in_new_process(write_official, official, args.questions)
        if not fetched.exists():
            in_new_process(write_fetched, fetched, official)
        sources = {"official files": official, "fetched from the hub": fetched}
        starts = {source: [in_new_process(get_ready, root) for _ in range(REPEATS)] for source, root in sources.items()}
    return report(starts, args.output)


def report(starts: dict[str, list[Measurement]], output: Path | None) -> int:
    """Print the medians, write all measurements; 1 if a median misses the bar."""
    from benchmarks import recording

    medians = {source: statistics.median(start.wall for start in own) for source, own in starts.items()}
    rows = [
        (
            source,
            f"{own[0].requests:,}",
            f"{medians[source]:.2f}",
            f"{statistics.median(start.processor for start in own):.2f}",
            f"{max(start.memory for start in own) / 1e6:,.0f}",
        )
        for source, own in starts.items()
    ]
    header = ("data", "requests", "s until ready", "s of processor", "MB at most")
    recording.print_table(f"Start of VQAv2, median of {REPEATS} (bar: {BAR:.0f} s)", header, rows)
    record = {
        "benchmark": "start_vqav2",
        **recording.facts(),
        "bar_seconds": BAR,
        "starts": {source: [start._asdict() for start in own] for source, own in starts.items()},
    }
    recording.write(record, output or recording.RESULTS / "start-vqav2.json")
    return int(max(medians.values()) > BAR)


if __name__ == "__main__":
    sys.exit(main())
