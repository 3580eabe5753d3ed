"""Whatever a task file holds, it is taken or refused in one line; nothing else ever comes out."""

import copy
import json
import tempfile
from pathlib import Path

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from emma_eval.cli.explain import _prompt_in_words
from emma_eval.data.loading import load_samples
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.prompts.building import build_requests
from emma_eval.prompts.question_notes import question_notes
from emma_eval.scorers import get_scorer
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.index import tasks_folder
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample
from tests.fuzzing import JSON_VALUES, ODD_VALUES, fuzz_settings, run_fuzz

TABLE = {
    "title": "A task",
    "benchmark": "a",
    "split": "val",
    "reader": "table",
    "files": {"rows": "rows.jsonl", "images": "images"},
    "columns": {
        "id": "id",
        "question": "question",
        "images": "image",
        "options": "options",
        "option_regex": "\\([a-z]\\)",
        "answer": "answer",
        "answer_is": "letter",
        "category": "category",
        "category_regex": "^(.)",
        "group_size": 2,
        "row_number": "number",
        "meta": {"kind": "category"},
    },
    "hub": None,
    "prompt": {"option": "\n{letter}. {text}", "suffix": "Which?", "hint": "{hint}\n"},
    "wording": "emma",
    "wordings": {"llava": {"prompt": {"suffix": ""}, "generation": {"max_new_tokens": 3}}},
    "generation": {"max_new_tokens": 5},
    "metric": "accuracy",
    "protocol": "one",
    "protocols": {"one": {"scorer": "letters", "matching": "exact"}},
    "expected": {"samples": [2], "releases": {"r": {"questions": "0", "note": ""}}},
}
ROWS = [
    {"question": "Which?", "image": "a.png", "options": "(a) x (b) y", "answer": "(a)", "category": "k"}
    | {"id": number, "number": number}
    for number in (1, 2)
]
KEYS = sorted({key for part in (TABLE, *(v for v in TABLE.values() if isinstance(v, dict))) for key in part})
SHIPPED = sorted(path.stem for path in tasks_folder().glob("*.yaml"))
YAML_PIECES = st.sampled_from(
    ["title: ", "prompt: ", "extends: ", "expected: {samples: ", "}", "]", "[", "{", "\n", "  ", "- ", "&a ", "*a",
     "? ", "<<: *a", "!!int ", "!!bool ", "!!float x", "!!timestamp ", "!!binary x", "!!set ",
     "!!python/name:os.system ",
     "2001-99-99", "2001-01-01 99:99:99", "0x", "0b2", "1_", "9" * 5000, ".inf", ".nan", "~", "'", '"', "|", ">", "# ",
     "\ud800", "\0", "\x85", "%YAML 9.9\n", "---\n", "...\n", "\t", "pope", "1:2:3", "="]
)  # fmt: skip


def places(value, place=()):
    """Where something can be changed: every key of every mapping, at any depth."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield (*place, key)
        yield from places(inner, (*place, key))


@st.composite
def changed_files(draw):
    """A good task file with a few of its values replaced, left out or added."""
    content = copy.deepcopy(TABLE)
    for _ in range(draw(st.integers(1, 3))):
        *way, key = draw(st.sampled_from(sorted(places(content), key=str)))
        holder = content
        for step in way:
            holder = holder[step]
        match draw(st.sampled_from(["value", "value", "gone", "more", "extends"])):
            case "value":
                value = draw(ODD_VALUES | JSON_VALUES | st.sampled_from(SHIPPED) | st.sampled_from(KEYS))
                holder[key] = copy.deepcopy(value)  # or a later change would change the drawn one too
            case "gone":
                del holder[key]
            case "more":
                holder[draw(st.sampled_from(KEYS) | st.text(max_size=5))] = copy.deepcopy(
                    draw(ODD_VALUES | JSON_VALUES)
                )
            case "extends":
                content["extends"] = copy.deepcopy(draw(st.sampled_from(SHIPPED) | JSON_VALUES))
    return content


def use(folder: Path) -> None:
    """What commands do with a task file. UserError is how it may end."""
    try:
        task = load_task("fuzzed", folder)
        assert isinstance(task, TaskConfig)
        for protocol in task.protocols.values():
            get_scorer(protocol.scorer, **protocol.options)
        sample = Sample("1", "Which <image>?", (ImageFile(folder, "a.png"),), ("A",), ("x", "y"), "hint")
        for family in (None, "llava", "other"):
            worded = task.with_wording(task.wording_for(family))
            list(build_requests(worded, [sample]))
            list(_prompt_in_words(worded))
        if task.reader == "table" and task.hub is None:
            question_notes(task, load_samples(task, folder, allow_partial=True))
    except UserError as error:
        assert str(error).strip()


def with_file(content: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        (folder / "fuzzed.yaml").write_bytes(data)
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        for path in tasks_folder().glob("_*.yaml"):
            (folder / path.name).write_bytes(path.read_bytes())
        use(folder)


def test_a_good_file_is_taken(tmp_path):
    (tmp_path / "fuzzed.yaml").write_text(yaml.safe_dump(TABLE))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert len(load_samples(load_task("fuzzed", tmp_path), tmp_path)) == 2


def test_changed_task_files():
    @fuzz_settings
    @given(changed_files())
    def fuzz(content):
        with_file(yaml.safe_dump(content, allow_unicode=True))

    run_fuzz(fuzz, tests=3)


def test_files_that_are_hardly_yaml():
    @fuzz_settings
    @given(st.lists(YAML_PIECES | st.text(max_size=4), max_size=12).map("".join))
    @example("extends: &a {b: *a}\n")
    @example("prompt: &a {prompt: *a}\nwordings: {llava: *a}\n")
    @example("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nextends: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n")
    def fuzz(text):
        with_file(text)

    run_fuzz(fuzz, tests=3)


def test_any_bytes():
    @fuzz_settings
    @given(st.binary(max_size=40))
    def fuzz(content):
        with_file(content)

    run_fuzz(fuzz, tests=3)
