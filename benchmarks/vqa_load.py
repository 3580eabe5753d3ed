"""A seeded VQA workload: one question about each of many distinct JPEGs, answers of 1 to 8 tokens."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from emma_eval.images.sources import ImageFile
from emma_eval.mini.questions import all_names
from emma_eval.prompts.building import build_message
from emma_eval.types import Request
from emma_eval.utils.cpu import usable_cpus

SIZE = 640, 480
QUALITY = 90
OCTAVES = (
    (5, 70.0),
    (20, 40.0),
    (80, 20.0),
    (320, 12.0),
    (640, 6.0),
)  # columns of the noise grid, amplitude in grey levels
NAMES = (9, 12)  # things named in a question; a prompt has about 60 text tokens with emma-mini's tokenizer
MAX_NEW_TOKENS = 8
SUFFIX = "Answer the question using a single word or phrase."


def photograph(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    """Write a JPEG as expensive to decode as a photograph: noise of several frequencies."""
    rng = np.random.default_rng(seed)
    levels = np.full((size[1], size[0], 3), 128.0, np.float32)
    for columns, strength in OCTAVES:
        grid = rng.standard_normal((max(2, columns * size[1] // size[0]), columns, 3), dtype=np.float32)
        planes = [Image.fromarray(grid[..., channel]).resize(size, Image.Resampling.BICUBIC) for channel in range(3)]
        levels += strength * np.stack([np.asarray(plane) for plane in planes], axis=-1)
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(path, "JPEG", quality=QUALITY)


def photographs(folder: Path, count: int, size: tuple[int, int] = SIZE) -> list[ImageFile]:
    """Write `count` different photographs into a folder."""
    images = [ImageFile(folder, f"{number:06d}.jpg") for number in range(count)]
    with ThreadPoolExecutor(usable_cpus()) as pool:
        list(pool.map(partial(photograph, size=size), [image.path for image in images], range(count)))
    return images


def requests(images: list[ImageFile], seed: int = 0) -> list[Request]:
    """A question about each image."""
    rng, names = random.Random(seed), all_names()
    requests = []
    for number, image in enumerate(images):
        question = f"Is there a {' or a '.join(rng.choices(names, k=rng.randint(*NAMES)))} in the image?"
        message = build_message(question, SUFFIX, images=1)
        requests.append(Request(str(number), 0, message, question, (image,), rng.randint(1, MAX_NEW_TOKENS)))
    return requests
