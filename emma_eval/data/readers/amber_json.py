"""AMBER's official layout: a file of queries, one of annotations, and images.

The discriminative questions have a yes or a no as their truth; the generative ones the objects to be seen and those
that models tend to make up. Two word lists belong to the latter: which words stand for an object, and words that count
neither way. EMMA's script makes questions of its own from the generative annotations, which OBJECTS_READER repeats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emma_eval.data.readers.rows import identity, rows_to_samples, texts
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import inside, read_text
from emma_eval.utils.json_io import read_json_rows, read_object
from emma_eval.utils.text import kind_of, shown

_HALLUCINATION, _ATTRIBUTE = "discriminative-hallucination", "discriminative-attribute-"  # all other types are relation
Records = Mapping[int, Mapping[str, Any]]  # annotations by id


def _read_files(files: Files) -> list[Sample]:
    records = _records(files["annotations"])
    lists = _word_lists(files)
    folder = files.get("images", Path())

    def sample(query: dict[str, Any]) -> Sample:
        record, image = _record(query["id"], records, files), ImageFile(folder, inside(query["image"]))
        if record["type"] == "generative":
            truth, hallu = texts(record["truth"], "truth"), texts(record["hallu"], "hallu")
            unknown = [name for name in (*truth, *hallu) if lists and name not in lists["association"]]
            if unknown:
                raise ValueError(f"object {unknown[0]!r} of id {record['id']} is not in {files['association']}")
            return Sample(identity(record, "id"), query["query"], (image,), truth, meta={"hallu": hallu, **lists})
        return _discriminative(query["query"], record, records, image)

    return rows_to_samples(files["queries"], _queries(files["queries"]), sample)


def _read_rows(where: str, rows: Iterable[Row]) -> list[Sample]:
    """The discriminative questions, each row with its record."""
    questions = list(rows)
    records: Records = {row["id"]: row for row in questions if "id" in row}
    return rows_to_samples(where, questions, lambda row: _discriminative(row["query"], row, records, row["image"]))


def _discriminative(question: str, record: Mapping[str, Any], records: Records, image: ImageSource) -> Sample:
    if record["truth"] not in ("yes", "no"):
        raise ValueError(f"truth {record['truth']!r} of id {record['id']} is neither 'yes' nor 'no'")
    category, kind = _dimension(record["type"])
    following = record["id"] + 1
    meta = {
        "kind": kind,
        "record": record["id"],
        "shifted_reference": str(records[following]["truth"]) if following in records else None,
    }
    return Sample(identity(record, "id"), question, (image,), (record["truth"],), category=category, meta=meta)


def _read_objects(files: Files) -> list[Sample]:
    """EMMA's questions: `Is X in this image?` for each object of the NEXT record, whose truth may be a mere text."""
    records = _records(files["annotations"])
    folder = files.get("images", Path())

    def questions() -> Iterator[tuple[dict[str, Any], str, int, str]]:
        for query in _queries(files["queries"]):
            record = _record(query["id"] + 1, records, files)
            for kind in ("truth", "hallu"):
                names = _objects(record.get(kind, []), f"{files['annotations']}: {kind} of id {record['id']}")
                yield from ((query, kind, number, name) for number, name in enumerate(names))

    def sample(asked: tuple[dict[str, Any], str, int, str]) -> Sample:
        query, kind, number, name = asked
        truth = "yes" if kind == "truth" else "no"
        image = ImageFile(folder, inside(query["image"]))
        meta = {"kind": kind, "record": query["id"], "shifted_reference": truth}
        identity = f"{query['id']}/{kind}/{number}"
        return Sample(identity, f"Is {name} in this image?", (image,), (truth,), category=kind, meta=meta)

    return rows_to_samples(files["queries"], questions(), sample)


def _objects(names: Any, what: str) -> Sequence[str]:
    """The objects of a record; a text's letters, as Python takes it, where a truth is no list."""
    try:
        return names if isinstance(names, str) else texts(names, what)
    except ValueError as error:
        raise UserError(str(error)) from error


def _dimension(name: str) -> tuple[str, str]:
    """(dimension, kind) of an annotation's type as the official tool sorts them; relations go by two names."""
    if name.startswith(_ATTRIBUTE):
        return "attribute", name.removeprefix(_ATTRIBUTE)
    dimension = "existence" if name == _HALLUCINATION else "relation"
    return dimension, dimension


def _queries(path: Path) -> list[dict[str, Any]]:
    return _list(path, ("id", "image"))


def _records(path: Path) -> Records:
    records: dict[int, Mapping[str, Any]] = {}
    for number, record in enumerate(_list(path, ("id", "type", "truth"))):
        if record["id"] in records:
            raise UserError(f"{path}, row {number}: the id {record['id']} is that of an earlier row too")
        records[record["id"]] = record
    return records


def _record(number: int, records: Records, files: Files) -> Mapping[str, Any]:
    if number not in records:
        raise UserError(f"{files['annotations']}: there is no annotation with the id {number!r}, which a query needs")
    return records[number]


def _list(path: Path, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = read_json_rows(path)
    if not isinstance(rows, list):
        raise UserError(f"{path}: a JSON list is expected, not {kind_of(rows)}")
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not all(key in row for key in keys):
            raise UserError(f"{path}, row {number}: an object with {', '.join(keys)} is expected")
        if type(row["id"]) is not int:
            raise UserError(f"{path}, row {number}: key 'id': a whole number is expected, not {shown(row['id'])}")
    return rows


def _word_lists(files: Files) -> dict[str, Any]:
    """What the generative scorer needs to know of words; shared by all samples."""
    if "association" not in files:
        return {}
    path = files["association"]
    safe = read_text(files["safe_words"]).splitlines() if "safe_words" in files else []
    try:
        association = {name: texts(words, f"what stands for {name!r}") for name, words in read_object(path).items()}
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    return {"association": association, "safe_words": frozenset(safe)}


_REQUIRED = ("queries", "annotations")
READER = Reader(
    _read_files, _read_rows, required=_REQUIRED, optional=("association", "safe_words"), folders=("images",)
)
OBJECTS_READER = Reader(_read_objects, required=_REQUIRED, folders=("images",))
