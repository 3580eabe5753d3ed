"""Data that would score wrongly in silence, read what it should not, or never end, are refused in one line."""

import base64
import gzip
import os
from pathlib import Path

import pytest
from PIL import Image

from emma_eval.data.loading import load_samples
from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import ConcatenatedImage, ImageBytes, ImageFile
from emma_eval.tasks.index import extra_task_folders
from emma_eval.tasks.loading import load_task
from emma_eval.utils.files import read_bytes, read_text
from emma_eval.utils.json_io import parse_json, read_json
from tests.fakes import command_output, quiz_row, write_quiz


def load(root, rows, **options):
    write_quiz(root, rows)
    with extra_task_folders([root / "tasks"]):
        return load_samples(load_task("quiz"), root / "data", **options)


def test_two_samples_of_one_id(tmp_path):
    with pytest.raises(UserError, match="sample id '7' occurs 2 times in its data, again as sample 1"):
        load(tmp_path, [quiz_row(7), quiz_row(7, question="What shape?")])


@pytest.mark.parametrize("command", [["check", "quiz"], ["show", "quiz"], ["run", "--tasks", "quiz"]])
def test_two_samples_of_one_id_stop_every_command(tmp_path, capsys, command):
    options = write_quiz(tmp_path, [quiz_row(7), quiz_row(7)])
    output = ["--output", str(tmp_path / "out")] if command[0] == "run" else []
    assert "'7' occurs 2 times" in command_output(capsys, command + options + output, 2)


def test_a_link_that_leads_out_of_the_data_root(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "secret.png")
    (tmp_path / "data/img").mkdir(parents=True)
    (tmp_path / "data/img/b.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "data/img/c.png").symlink_to("a.png")
    stolen, fine = load(tmp_path, [quiz_row(1, "b.png"), quiz_row(2, "c.png")])
    with pytest.raises(SampleError, match="a symbolic link leads out of the data root"):
        stolen.images[0].open()
    fine.images[0].open()


def test_a_file_of_data_that_is_a_link_out_of_the_root(tmp_path):
    write_quiz(tmp_path, [quiz_row(1)])
    (tmp_path / "data/rows.jsonl").rename(tmp_path / "elsewhere.jsonl")
    (tmp_path / "data/rows.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    with (
        extra_task_folders([tmp_path / "tasks"]),
        pytest.raises(UserError, match=r"rows\.jsonl: a symbolic link leads out"),
    ):
        load_samples(load_task("quiz"), tmp_path / "data")


def test_links_within_a_snapshot_of_the_hub_cache(tmp_path):
    root = tmp_path / "datasets--a--b/snapshots/abc"
    write_quiz(tmp_path, [quiz_row(1)])
    (root.parent).mkdir(parents=True)
    (tmp_path / "data").rename(root)
    blob = tmp_path / "datasets--a--b/blobs/x"
    blob.parent.mkdir()
    (root / "img/a.png").rename(blob)
    (root / "img/a.png").symlink_to(blob)
    with extra_task_folders([tmp_path / "tasks"]):
        load_samples(load_task("quiz"), root)[0].images[0].open()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(path)])
def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path, make):
    make(tmp_path / "x.png")
    with pytest.raises(UserError, match=r"x\.png: cannot be read: (a FIFO|a folder|a symbolic link)"):
        read_bytes(tmp_path / "x.png")
    with pytest.raises(SampleError, match=r"x\.png"):
        ImageFile(tmp_path, "x.png").open()


def test_a_device_is_refused():
    with pytest.raises(UserError, match="/dev/zero: cannot be read: a device, not a regular file"):
        read_text(Path("/dev/zero"))


def test_a_file_larger_than_any(tmp_path):
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(2**41)
    with pytest.raises(UserError, match=r"cannot be read: 2,199\.0 GB large"):
        read_text(tmp_path / "x.json")


def test_a_gzip_bomb(tmp_path):
    with gzip.open(tmp_path / "x.json.gz", "wb") as file:
        for _ in range(120):
            file.write(bytes(2**20))
    with pytest.raises(UserError, match=r"unpack to more than 67\.1 MB, as no such file does"):
        read_text(tmp_path / "x.json.gz")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}'.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "UTF-16 text; save it as UTF-8"),
        ('{"a": "ä"}'.encode("latin-1"), "not UTF-8 text at byte 7; save it as UTF-8"),
        (gzip.compress(b"{}"), "not UTF-8 text at byte 1; it is a gzip file; let its name end in .gz"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "it is a git-LFS pointer"),
    ],
)
def test_text_in_another_form_is_named(tmp_path, content, message):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_text(tmp_path / "x.json")


def test_utf_8_with_and_without_its_mark(tmp_path):
    for mark in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "x").write_bytes(mark + "ä".encode())
        assert read_text(tmp_path / "x") == "ä"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable image: it is empty"),
        (b"<!DOCTYPE html><html>Not found</html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a git-LFS pointer"),
        (b"\x00" * 100, "its 0.1 kB are of no known image format"),
    ],
)
def test_what_is_no_image_is_named_without_an_address(tmp_path, content, message):
    (tmp_path / "a.jpg").write_bytes(content)
    for image in (ImageFile(tmp_path, "a.jpg"), ImageBytes("row 7", lambda: content)):
        with pytest.raises(SampleError, match=message) as caught:
            image.open()
        assert "0x" not in str(caught.value)


@pytest.mark.parametrize("name", ["\ud800.png", "a" * 300 + ".png", "a.png/b.png"])
def test_a_name_that_no_file_has_fails_its_sample(tmp_path, name):
    load(tmp_path, [quiz_row(1)])
    with pytest.raises(SampleError):
        ImageFile(tmp_path / "data/img", name).open()


@pytest.mark.parametrize("cell", [None, {}, 5, {"bytes": None}])
def test_a_row_that_holds_anything_fails_its_sample(cell):
    with pytest.raises(SampleError, match="row 7: "):
        ImageBytes("row 7", lambda: cell["bytes"]).open()


def test_many_images_side_by_side_are_bounded(tmp_path):
    Image.new("L", (9000, 9000)).save(tmp_path / "a.png")
    image = ImageFile(tmp_path, "a.png")
    with pytest.raises(SampleError, match="40 images side by side are too large: the first 3 make 27,000 x 9,000"):
        ConcatenatedImage((image,) * 40).open()


COLUMNS = ("index", "question", "A", "B", "answer", "category", "l2-category", "split", "image")


def mmbench(root, rows, columns=COLUMNS):
    path = root / "mmbench/mmbench_dev_20230712.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join("\t".join(cells) for cells in [[*columns, "C", "D"], *([*row, "", ""] for row in rows)]))
    return load_samples(load_task("mmbench_en"), root, allow_partial=True)


def test_mmbench_without_hints_with_numbers_as_pandas_writes_them_and_a_reference_to_no_row(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    make_image = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    rest = ["Q?", "x", "y", "A", "c", "l", "dev"]
    one, two, three = mmbench(tmp_path, [["7.0", *rest, make_image], ["8", *rest, "4711"], ["9", *rest, "7.0"]])
    assert (one.id, one.hint) == ("7", "")
    one.images[0].open()
    three.images[0].open()
    with pytest.raises(
        SampleError, match=r"index 8: .* the cell '4711' is no image, and no row with an image has this"
    ):
        two.images[0].open()


def test_repeated_keys_of_vqa_files_are_seen_by_the_fast_reader_too(tmp_path):
    from tests import tiny_datasets as tiny

    tiny.vqa(tmp_path)
    path = tmp_path / "vqav2/v2_mscoco_val2014_annotations.json"
    text = path.read_text()
    assert '"answer_type":' in text
    path.write_text(text.replace('"answer_type":', '"answer_type": "x", "answer_type":', 1))
    with pytest.raises(UserError, match="the key 'answer_type' stands twice"):
        load_samples(load_task("vqav2"), tmp_path, allow_partial=True)


def test_json_with_numbers_that_are_not_finite_or_keys_that_stand_twice(tmp_path):
    for text, message in (
        ("[NaN]", "NaN is not a number that JSON has; write null"),
        ("[Infinity]", "Infinity is not a number"),
        ("[1e400]", "the number 1e400 is too large"),
        ("[" + "9" * 5000 + "]", "a number of 5000 digits"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice in the object that begins {'a': 2"),
    ):
        path = tmp_path / "x.json"
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_json(path)
    assert parse_json("[NaN]", path, nan_as_null=True) == [None]
