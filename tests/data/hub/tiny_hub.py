"""Tiny data sets as they lie on the hub, the task files that read them, and a command line that does so."""

from PIL.Image import Image

from emma_eval.tasks.sections import HubConfig, HubImages
from tests.tiny_datasets import TinyDataset

GQA = """\
extends: gqa
hub: {id: org/gqa, config: main, split: dev, images: {config: images, key: imageId}}
expected: {samples: 2}
"""
POPE = "extends: pope\nhub: {id: org/pope, config: main, split: dev}\nexpected: {samples: %d}\n"
MMVP = """\
extends: mmvp
files: {rows: hub/org/mmvp/Questions.csv, images: hub/org/mmvp/MMVP Images}
hub: {id: org/mmvp, files: [Questions.csv, MMVP Images]}
expected: {samples: 2}
"""
BLOCK = 1000  # bytes; the tiny files have a few of them

# The command line in a process of its own: the hub's clients read their endpoint once, when they are imported.
MAIN = f"""
import sys, time
time.sleep = lambda seconds: None  # between the clients' attempts
from emma_eval.data.hub import download
download.BLOCK = {BLOCK}
%s
from emma_eval.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def image_feature(cells):
    """The feature of a column of images, of lists of them, or of as many missing ones; None for another column."""
    import datasets

    parts = [part for cell in cells for part in (cell if isinstance(cell, list) else [cell])]
    if not all(part is None or isinstance(part, Image) for part in parts):
        return None
    return datasets.List(datasets.Image()) if isinstance(cells[0], list) else datasets.Image()


def write_hub_folder(folder, tiny: TinyDataset) -> HubConfig:
    """A local folder as `load_dataset` takes it, columns and Image features as on the hub."""
    import datasets

    configs = {"main": tiny.rows} | ({"images": tiny.images} if tiny.images else {})
    lines = ["---", "configs:"]
    for config, rows in configs.items():
        columns = {column: [row[column] for row in rows] for column in rows[0]}
        image_columns = {column: kind for column, cells in columns.items() if (kind := image_feature(cells))}
        features = datasets.Dataset.from_dict({k: v for k, v in columns.items() if k not in image_columns}).features
        features |= image_columns
        table = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
        (folder / config).mkdir(parents=True)
        table.to_parquet(folder / config / "part-0.parquet")
        lines += [f"- config_name: {config}", f"  data_files: [{{split: dev, path: {config}/*.parquet}}]"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf-8")
    images = HubImages(config="images", key="imageId") if tiny.images else None
    return HubConfig(id=str(folder), config="main", split="dev", images=images)
