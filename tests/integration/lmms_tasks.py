"""Tasks written for lmms-eval, over images of the shipped suite, in local parquet files: nothing is downloaded.

`ours_vqa` is `vqav2_mini` as lmms-eval asks it, `ours_pope` is scored by lmms-eval's own POPE, and `ours_images` shows
what a `doc_to_visual` may give: an image rotated by EXIF, a crop, two images, none, a grey one.
"""

from io import BytesIO
from pathlib import Path

import datasets
from PIL import Image

from emma_eval.data.loading import load_samples
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample

ORIENTATION = 0x0112  # of EXIF

UTILS = """\
def doc_to_visual(doc):
    return [doc["image"].convert("RGB")]

def doc_to_text(doc, lmms_eval_specific_kwargs=None):
    return doc["question"].strip() + lmms_eval_specific_kwargs["post_prompt"]

def images_of(doc):
    image = doc["image"]
    if doc["kind"] == "cropped":
        return [image.convert("RGB").crop((10, 10, 90, 90))]
    if doc["kind"] == "two":
        return [image.convert("RGB"), image.convert("RGB")]
    return [] if doc["kind"] == "none" else [image.convert("RGB")]
"""
SHORT = "\\nAnswer the question using a single word or phrase."
YAML = """\
task: {name}
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: {folder}/{name}.parquet
test_split: test
output_type: generate_until
doc_to_visual: !function utils.{visual}
doc_to_text: !function utils.doc_to_text
doc_to_target: answer
generation_kwargs:
  max_new_tokens: 16
  temperature: 0
  do_sample: false
lmms_eval_specific_kwargs:
  default:
    post_prompt: "{short}"
metadata:
  - version: 1.0
"""
EXACT = """\
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
"""
POPE = """\
process_results: !function lmms_eval.tasks.pope.utils.pope_process_results
metric_list:
  - metric: pope_accuracy
    aggregation: !function lmms_eval.tasks.pope.utils.pope_aggregate_accuracy
    higher_is_better: true
  - metric: pope_f1_score
    aggregation: !function lmms_eval.tasks.pope.utils.pope_aggregate_f1_score
    higher_is_better: true
"""
KINDS = ("plain", "rotated", "cropped", "two", "none", "grey")


def write_tasks(folder: Path) -> None:
    """Write the three tasks, a group of two and their data."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "utils.py").write_text(UTILS)
    vqa = load_samples(load_task("vqav2_mini"))
    _write(folder, "ours_vqa", [_row(sample) for sample in vqa], EXACT)
    _write(folder, "ours_pope", [_row(sample) for sample in load_samples(load_task("pope_mini"))], POPE)
    pairs = zip(vqa[: 2 * len(KINDS)], KINDS * 2, strict=True)
    _write(folder, "ours_images", [_special_row(*pair) for pair in pairs], EXACT, "images_of")
    (folder / "group.yaml").write_text("group: ours\ntask:\n  - ours_vqa\n  - ours_pope\n")


def write_task(folder: Path, name: str, rows: list[dict], changed: dict[str, str]) -> None:
    """Write one task whose YAML has these texts replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "utils.py").write_text(UTILS)
    _write(folder, name, rows, EXACT)
    path = folder / f"{name}.yaml"
    text = path.read_text()
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def _row(sample: Sample) -> dict:
    (image,) = sample.images
    row = {"question_id": sample.id, "question": sample.question, "answer": sample.references[0], "kind": "plain"}
    return {**row, "image": {"bytes": image.path.read_bytes(), "path": None}}


def _special_row(sample: Sample, kind: str) -> dict:
    row, data = _row(sample), BytesIO()
    image = sample.images[0].open().convert("L" if kind == "grey" else "RGB")
    exif = Image.Exif()
    if kind == "rotated":
        exif[ORIENTATION] = 6
    image.save(data, "JPEG", exif=exif, quality=95)
    return {**row, "kind": kind, "image": {"bytes": data.getvalue(), "path": None}}


def plain_rows(count: int) -> list[dict]:
    """The first rows of `ours_vqa`."""
    return [_row(sample) for sample in load_samples(load_task("vqav2_mini"))[:count]]


def _write(folder: Path, name: str, rows: list[dict], scoring: str, visual: str = "doc_to_visual") -> None:
    texts = dict.fromkeys(("question_id", "question", "answer", "kind"), datasets.Value("string"))
    features = datasets.Features({**texts, "image": datasets.Image()})
    datasets.Dataset.from_list(rows, features=features).to_parquet(folder / f"{name}.parquet")
    yaml = YAML.format(name=name, folder=folder, visual=visual, short=SHORT)
    (folder / f"{name}.yaml").write_text(yaml + scoring)
