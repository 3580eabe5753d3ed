"""MME's official folders, in either of two layouts.

Release: one folder per subtask, with a text file of "question<TAB>answer" lines for each image, beside the images or
in `questions_answers_YN/` with the images in `images/`. Tool (`Your_Results`): one `<subtask>.txt` of
"image<TAB>question<TAB>answer[<TAB>prediction]" lines; images below `<subtask>/`, if at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from emma_eval.data.readers.parsing import rows_to_samples
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.data_roots import require_inside_data_root
from emma_eval.utils.files import read_text, safe_relative_path

_MakeSample = Callable[[str, str, str, ImageSource], Sample]  # (image name, question, answer, image)


def _read_files(files: Files) -> list[Sample]:
    folder = files["folder"]
    if not folder.is_dir():
        raise UserError(f"{folder}: a folder is expected, with a folder or a text file for each subtask")
    subtasks = [path for path in sorted(folder.iterdir()) if path.is_dir() and any(_text_files(path))]
    samples: list[Sample] = []
    for subtask in subtasks:
        samples += _read_subtask(subtask)
    if not subtasks:
        for path in sorted(folder.glob("*.txt")) + sorted(folder.glob("*.txt.gz")):
            samples += _read_table(path, folder / path.name.split(".")[0])
    if not samples:
        raise UserError(f"{folder}: neither subtask folders with text files nor <subtask>.txt files are in it")
    return samples


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    makers: dict[str, _MakeSample] = {}

    def sample(row: Row) -> Sample:
        make = makers.setdefault(row["category"], _maker(row["category"]))
        name = PurePosixPath(row["question_id"]).name  # `artwork/images/10002.jpg`
        return make(name, row["question"], row["answer"], row["image"])

    return rows_to_samples(source, rows, sample)


def _read_subtask(folder: Path) -> list[Sample]:
    images = folder / "images" if (folder / "images").is_dir() else folder
    names: dict[str, str] = {}
    for path in sorted(images.iterdir()):
        if path.name.endswith((".txt", ".gz")) or path.name.startswith(".") or path.is_dir():
            continue
        if names.setdefault(path.stem, path.name) != path.name:
            raise UserError(f"{images}: {names[path.stem]} and {path.name}: which is the image? delete the other")
    make = _maker(folder.name)
    samples: list[Sample] = []
    for path in sorted(_text_files(folder)):
        stem = path.name.split(".txt")[0]
        name = names.get(stem, f"{stem}.jpg")
        image = ImageFile(images, name)

        def sample(line: str, name: str = name, image: ImageFile = image) -> Sample:
            question, answer = _cells(line.strip(), ("question", "answer"))
            return make(name, question, answer, image)

        samples += rows_to_samples(path, _lines(path), sample, first=1)
    return samples


def _read_table(path: Path, images: Path) -> list[Sample]:
    images = images / "images" if (images / "images").is_dir() else images
    make = _maker(images.name if images.name != "images" else images.parent.name)

    def sample(line: str) -> Sample:
        name, question, answer = _cells(line, ("image", "question", "answer"))
        return make(name, question, answer, ImageFile(images, safe_relative_path(name)))

    return rows_to_samples(path, _lines(path), sample, first=1)


def _text_files(subtask: Path) -> Iterator[Path]:
    texts = subtask / "questions_answers_YN"
    paths = (texts if texts.is_dir() else subtask).glob("*.txt*")
    return (path for path in paths if not path.name.startswith("."))  # macOS leaves `._1.txt` beside `1.txt`


def _lines(path: Path) -> list[str]:
    require_inside_data_root(path)
    return [line.removesuffix("\r") for line in read_text(path).split("\n") if line.strip()]


def _cells(line: str, names: tuple[str, ...]) -> list[str]:
    """A line's first cells; what follows the answer is a prediction. Raises ValueError for fewer cells."""
    cells = line.split("\t")[: len(names)]
    if len(cells) < len(names):
        raise ValueError(f"{', '.join(names)} are expected between tabs, not {line!r:.80}")
    return cells


def _maker(subtask: str) -> _MakeSample:
    """A function that makes a subtask's samples, to be called in file order: questions pair by their position."""
    seen: Counter[str] = Counter()

    def make(name: str, question: str, answer: str, image: ImageSource) -> Sample:
        if answer not in ("Yes", "No"):
            raise ValueError(f"answer {answer!r} is neither 'Yes' nor 'No'")
        sample_id = f"{subtask}/{name}#{seen[name]}"
        meta = {"image": name, "pair": seen.total() // 2}
        seen[name] += 1
        return Sample(sample_id, question, (image,), (answer,), category=subtask, meta=meta)

    return make


READER = Reader(_read_files, _read_rows, required=("folder",))
