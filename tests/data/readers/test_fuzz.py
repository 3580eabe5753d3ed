"""Whatever stands in a data file, it is read, or refused in one printable line; nothing else ever comes out."""

import gzip
import json
import random
import tempfile
from pathlib import Path

from hypothesis import strategies as st

from emma_eval.data.loading import load_samples
from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import ImageBytes, ImageFile
from emma_eval.tasks.loading import load_task
from emma_eval.utils.files import read_text
from emma_eval.utils.json_io import read_json_rows
from emma_eval.utils.table_io import read_table
from emma_eval.utils.yaml_io import read_yaml
from tests import tiny_datasets as tiny
from tests.fuzzing import fuzz_test

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("9" * 5000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TASKS = ("vqav2", "vizwiz", "gqa", "scienceqa", "mmbench_en", "mme", "seed", "pope")


def reads_or_refuses(read, *args, **options):
    """What `read` gives; None where it refuses as it should."""
    try:
        return read(*args, **options)
    except (UserError, SampleError) as error:
        text = str(error)
        assert text
        assert text.isprintable() or "\t" in text or not text.isascii()
        assert "\n" not in text
        assert "\x1b" not in text
        assert " at 0x" not in text
        return None


@fuzz_test(
    st.tuples(st.sampled_from((".json", ".jsonl", ".csv", ".tsv", ".yaml", ".txt")), st.binary(max_size=200)), tests=4
)
def test_any_bytes_as_any_file(drawn):
    suffix, content = drawn
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (
            (f"x{suffix}", content),
            (f"x{suffix}.gz", content),
            (f"y{suffix}.gz", gzip.compress(content)),
        ):
            path = Path(folder, name)
            path.write_bytes(data)
            reads_or_refuses(read_text, path)
            reads_or_refuses(read_json_rows, path)
            reads_or_refuses(lambda path=path: list(read_table(path, ",")))
            reads_or_refuses(lambda path=path: list(read_table(path, "\t")))
            reads_or_refuses(read_yaml, path)
            reads_or_refuses(ImageFile(path.parent, name).open)
        reads_or_refuses(ImageBytes("row", lambda: content).open)


@fuzz_test(st.text(st.sampled_from(list("a:-[]{}&*!|>?%@#'\"\n 1.eE_<")) | st.characters(), max_size=80), tests=4)
def test_any_text_as_yaml(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.yaml")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        reads_or_refuses(read_yaml, path)


@fuzz_test(
    st.lists(st.lists(st.text(st.sampled_from(list('a,"\t\n\r\0;= ')) | st.characters(), max_size=6), max_size=4)),
    tests=4,
)
def test_any_cells_as_a_table(lines):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.csv")
        text = "\n".join(",".join(line) for line in lines)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        rows = reads_or_refuses(lambda: [row for _, row in read_table(path, ",")])
        assert rows is None or all(len(row) == len(rows[0]) for row in rows)


@fuzz_test(st.tuples(st.sampled_from(TASKS), st.integers(0, 2**32), VALUES), tests=4)
def test_official_files_with_one_value_changed(drawn):
    """Of a whole small copy of a benchmark, one value is another, or one line is cut, doubled or gone."""
    name, seed, value = drawn
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for write in tiny.TINY_DATASETS:
            write(root)
        files = sorted(path for path in root.rglob("*") if path.suffix in (".json", ".jsonl", ".tsv", ".txt"))
        path = rng.choice(files)
        path.write_text(changed(path.read_text(), rng, value), encoding="utf-8", errors="surrogatepass")
        samples = reads_or_refuses(load_samples, load_task(name), root, allow_partial=True)
        for sample in samples or ():
            assert isinstance(sample.id, str)
            assert isinstance(sample.question, str)
            for image in sample.images:
                reads_or_refuses(image.open)
        if name != "vqav2":  # whose official scorer counts a question as often as it is annotated
            assert samples is None or len({sample.id for sample in samples}) == len(samples)


def changed(text, rng, value):
    try:
        content = json.loads(text)
    except ValueError:
        return changed_lines(text, rng, value)
    holder, key = rng.choice(list(places(content)) or [(None, None)])
    if holder is None:
        return json.dumps(value)
    if rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = value
    return json.dumps(content)


def places(content):
    """Every (list or object, key) within."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, inner in list(pairs):
        yield content, key
        yield from places(inner)


def changed_lines(text, rng, value):
    lines = text.split("\n")
    place = rng.randrange(len(lines))
    cells = lines[place].split("\t")
    cells[rng.randrange(len(cells))] = value if isinstance(value, str) else json.dumps(value)
    lines[place : place + 1] = rng.choice([["\t".join(cells)], [], [lines[place]] * 2, [lines[place][:-3]]])
    return "\n".join(lines)
