"""AMBER's official layout: a file of queries, one of annotations, and images.

A discriminative question has yes or no as its reference; a generative one the objects in the image (`truth`), and
objects that models tend to make up (`hallu`). Two word lists belong to the latter: the words that stand for an object,
and words that count neither way. EMMA's script makes its own questions from the generative annotations; OBJECTS_READER
repeats them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import row_id, rows_to_samples, string_list
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import read_text, safe_relative_path
from emma_eval.utils.json_io import read_json_object, read_json_rows
from emma_eval.utils.text import json_type_name, preview

_HALLUCINATION, _ATTRIBUTE = "discriminative-hallucination", "discriminative-attribute-"  # all other types are relation
Annotations = Mapping[int, Mapping[str, Any]]  # annotations by id


def _read_files(files: Files) -> list[Sample]:
    records = _records(files["annotations"])
    lists = _word_lists(files)
    folder = files.get("images", Path())

    def sample(query: dict[str, Any]) -> Sample:
        record, image = _record(query["id"], records, files), ImageFile(folder, safe_relative_path(query["image"]))
        if record["type"] == "generative":
            objects, hallu = string_list(record["truth"], "truth"), string_list(record["hallu"], "hallu")
            unknown = [name for name in (*objects, *hallu) if lists and name not in lists["association"]]
            if unknown:
                raise ValueError(f"object {unknown[0]!r} of id {record['id']} is not in {files['association']}")
            return Sample(row_id(record, "id"), query["query"], (image,), objects, meta={"hallu": hallu, **lists})
        return _discriminative(query["query"], record, records, image)

    return rows_to_samples(files["queries"], _queries(files["queries"]), sample)


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    """The discriminative questions; each row is its own annotation."""
    questions = list(rows)
    records: Annotations = {row["id"]: row for row in questions if "id" in row}
    return rows_to_samples(source, questions, lambda row: _discriminative(row["query"], row, records, row["image"]))


def present_objects(generative_queries: Path, annotations: Path) -> dict[str, tuple[str, ...]]:
    """Image -> the objects that its annotation lists as `truth`, and not as `hallu` too. Raises UserError."""
    records = _records(annotations)
    found: dict[str, tuple[str, ...]] = {}
    for query in _queries(generative_queries):
        record = _record(query["id"], records, {"annotations": annotations})
        place = f"{annotations}: id {record['id']}"
        truth, hallu = (_objects(record.get(key, []), f"{place}: {key}") for key in ("truth", "hallu"))
        found[query["image"]] = tuple(name for name in truth if name not in hallu)
    return found


def _discriminative(question: str, record: Mapping[str, Any], records: Annotations, image: ImageSource) -> Sample:
    if record["truth"] not in ("yes", "no"):
        raise ValueError(f"truth {record['truth']!r} of id {record['id']} is neither 'yes' nor 'no'")
    category, kind = _dimension(record["type"])
    following = record["id"] + 1
    meta = {
        "kind": kind,
        "record": record["id"],
        "shifted_reference": str(records[following]["truth"]) if following in records else None,
    }
    return Sample(row_id(record, "id"), question, (image,), (record["truth"],), category=category, meta=meta)


def _read_objects(files: Files) -> list[Sample]:
    """EMMA's questions: `Is X in this image?` for each object of the NEXT record, whose `truth` may be a text."""
    records = _records(files["annotations"])
    folder = files.get("images", Path())

    def questions() -> Iterator[tuple[dict[str, Any], str, int, str]]:
        for query in _queries(files["queries"]):
            record = _record(query["id"] + 1, records, files)
            for kind in ("truth", "hallu"):
                names = _objects(record.get(kind, []), f"{files['annotations']}: {kind} of id {record['id']}")
                yield from ((query, kind, index, name) for index, name in enumerate(names))

    def sample(question: tuple[dict[str, Any], str, int, str]) -> Sample:
        query, kind, index, name = question
        reference = "yes" if kind == "truth" else "no"
        image = ImageFile(folder, safe_relative_path(query["image"]))
        meta = {"kind": kind, "record": query["id"], "shifted_reference": reference}
        sample_id = f"{query['id']}/{kind}/{index}"
        return Sample(sample_id, f"Is {name} in this image?", (image,), (reference,), category=kind, meta=meta)

    return rows_to_samples(files["queries"], questions(), sample)


def _objects(names: Any, place: str) -> Sequence[str]:
    """The objects of a record. A text, where it is no list, gives its letters, as in EMMA's script."""
    try:
        return names if isinstance(names, str) else string_list(names, place)
    except ValueError as error:
        raise UserError(str(error)) from error


def _dimension(name: str) -> tuple[str, str]:
    """(dimension, kind) of an annotation's type, as the official tool groups them; relations have two names."""
    if name.startswith(_ATTRIBUTE):
        return "attribute", name.removeprefix(_ATTRIBUTE)
    dimension = "existence" if name == _HALLUCINATION else "relation"
    return dimension, dimension


def _queries(path: Path) -> list[dict[str, Any]]:
    return _list(path, ("id", "image"))


def _records(path: Path) -> Annotations:
    records: dict[int, Mapping[str, Any]] = {}
    for index, record in enumerate(_list(path, ("id", "type", "truth"))):
        if record["id"] in records:
            raise UserError(f"{path}, row {index}: the id {record['id']} is that of an earlier row too")
        records[record["id"]] = record
    return records


def _record(record_id: int, records: Annotations, files: Files) -> Mapping[str, Any]:
    if record_id not in records:
        raise UserError(
            f"{files['annotations']}: there is no annotation with the id {record_id!r}, which a query needs"
        )
    return records[record_id]


def _list(path: Path, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = read_json_rows(path)
    if not isinstance(rows, list):
        raise UserError(f"{path}: a JSON list is expected, not {json_type_name(rows)}")
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or not all(key in row for key in keys):
            raise UserError(f"{path}, row {index}: an object with {', '.join(keys)} is expected")
        if type(row["id"]) is not int:
            raise UserError(f"{path}, row {index}: key 'id': a whole number is expected, not {preview(row['id'])}")
    return rows


def _word_lists(files: Files) -> dict[str, Any]:
    """The word lists of the generative scorer, the same objects for all samples."""
    if "association" not in files:
        return {}
    path = files["association"]
    text = read_text(files["safe_words"]) if "safe_words" in files else ""
    try:
        association = {
            name: string_list(words, f"what stands for {name!r}") for name, words in read_json_object(path).items()
        }
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    return {"association": association, "safe_words": frozenset(filter(None, text.splitlines()))}


_REQUIRED = ("queries", "annotations")
READER = Reader(
    _read_files, _read_rows, required=_REQUIRED, optional=("association", "safe_words"), folders=("images",)
)
OBJECTS_READER = Reader(_read_objects, required=_REQUIRED, folders=("images",))
