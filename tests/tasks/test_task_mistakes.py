"""Each mistake in a task file is one line that names file, key and the nearest valid name."""

import pytest

from emma_eval.errors import UserError
from emma_eval.tasks.index import expand_tasks, task_groups, task_names
from emma_eval.tasks.loading import load_task

GOOD = """\
title: A task
benchmark: a
split: val
reader: vqa_json
files: {questions: a/questions.json, images: a}
metric: accuracy
protocols:
  official: {scorer: vqa}
expected: {samples: 3}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "groups.yaml").write_text("some: [good]\n")
    return tmp_path


def complaint(folder, text, name="bad"):
    (folder / f"{name}.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_task(name, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(folder / f"{name}.yaml"))
    return message


@pytest.mark.parametrize(
    ("was", "becomes", "expected"),
    [
        ("metric:", "metrik:", "unknown key 'metrik'; did you mean 'metric'? (and 1 more)"),
        ("split: val", "", "key 'split' is missing"),
        ("files: {questions: ", "files: {questions: ../../", "key 'files': the file name '../../"),
        ("images: a", "images: .", "key 'files': the file name '.' leads out of its folder"),
        ("split: val", "split: 3", "key 'split': a text is expected, not 3"),
        ("reader: vqa_json", "reader: vqa_jsn", "key 'reader': unknown reader 'vqa_jsn'; did you mean 'vqa_json'?"),
        ("scorer: vqa", "scorer: vqq", "'protocols.official.scorer': unknown scorer 'vqq'; did you mean 'vqa'?"),
        (
            "split: val",
            "split: val\ngeneration: {max_new_tokens: 99999999999}",
            "a number of 65536 or less is expected",
        ),
        ("{samples: 3}", "{samples: 0}", "key 'expected.samples.0': a number above 0 is expected, not 0"),
        ("{samples: 3}", "{sample: 3}", "unknown key 'expected.sample'; did you mean 'samples'?"),
        ("images: a", "image: a", "unknown key 'files.image'; did you mean 'images'?"),
        ("questions: a/questions.json, ", "", "key 'files.questions' is missing; the reader 'vqa_json' needs it"),
        ("split: val", "split: val\nprompt: {sufix: x}", "unknown key 'prompt.sufix'; did you mean 'suffix'?"),
        ("split: val", "split: val\nprompt: {option: '{letter}'}", "prompt.option must contain {letter} and {text}"),
        ("split: val", "split: val\nhub: {id: x, split: y, images: {keys: z}}", "unknown key 'hub.images.keys'"),
        ("split: val", "split: val\nprotocol: oficial", "key 'protocol': unknown protocol 'oficial'; did you mean"),
        ("split: val", "split: val\nname: x", "unknown key 'name'; a task is named by its file"),
        ("split: val", "split: val\nsplit: test", "line 4, column 1: key 'split' stands twice"),
        ("split: val", "split: [val", "bad.yaml, line "),
        (GOOD, "- a list\n", "a mapping of keys to values is expected"),
        (GOOD, "extends: god\n", "key 'extends': no task or base 'god'; did you mean 'good'?"),
    ],
)
def test_one_line_names_the_place(folder, was, becomes, expected):
    assert was in GOOD
    assert expected in complaint(folder, GOOD.replace(was, becomes, 1))


def test_extending_in_a_circle(folder):
    (folder / "_a.yaml").write_text("extends: bad\n")
    assert "key 'extends': goes round in a circle: bad -> _a -> bad" in complaint(folder, "extends: _a\n")


def test_extending_merges_key_by_key(folder):
    (folder / "child.yaml").write_text("extends: good\nsplit: test\nfiles: {images: [b, c]}\nprompt: {suffix: Why?}\n")
    child, good = load_task("child", folder), load_task("good", folder)
    assert child.files == {"questions": ("a/questions.json",), "images": ("b", "c")}
    assert (child.split, child.prompt.suffix, child.title) == ("test", "Why?", good.title)
    assert good.files["images"] == ("a",)


def test_a_task_is_frozen(folder):
    with pytest.raises(ValueError, match="frozen"):
        load_task("good", folder).title = "x"


def test_an_unknown_task_or_group(folder):
    with pytest.raises(UserError, match="unknown task 'goood'; did you mean 'good'"):
        load_task("goood", folder)
    with pytest.raises(UserError, match="unknown task or group 'sume'; did you mean 'some'"):
        expand_tasks(["sume"], folder)


def test_an_unknown_protocol(folder):
    with pytest.raises(UserError, match="task good: unknown protocol 'offical'; did you mean 'official'"):
        load_task("good", folder).scorer_config("offical")


def test_a_group_with_an_unknown_task(folder):
    (folder / "groups.yaml").write_text("some: [goood]\n")
    with pytest.raises(UserError, match=r"groups\.yaml: key 'some': unknown task 'goood'; did you mean 'good'"):
        task_groups(folder)


def test_the_index_parses_nothing(folder):
    (folder / "broken.yaml").write_text("title: [")
    (folder / "_base.yaml").write_text("title: x\n")
    assert task_names(folder) == ["broken", "good"]
    assert load_task("good", folder).title == "A task"
