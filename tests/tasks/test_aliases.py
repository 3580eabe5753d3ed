"""Keys that have been renamed are read under their first names too."""

import pytest

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from emma_eval.tasks.index import task_files
from emma_eval.tasks.loading import load_task, renamed_keys

OLD = """\
title: T
benchmark: t
split: s
reader: table
files: {rows: rows.json}
columns: {question: q, answer: a, answer_words: {"1": "yes"}, pair: 2, pair_number: n, option_mark: "x"}
hub: {id: o/t, split: s, columns: {question: q, text_lists: q}}
prompt: {images: in_place, remove: gone, hint_after: "{hint}", most_options: 3}
wording: emma
wordings:
  llava:
    prompt: {before_options: "?", tidy: true, images: side_by_side}
metric: accuracy
protocols: {official: {scorer: exact}}
expected: {samples: []}
"""


def folder(tmp_path, **texts):
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def test_old_names_are_read_wherever_they_stand(tmp_path):
    task = load_task("old", folder(tmp_path, old=OLD))
    assert (task.prompt.images, task.prompt.strip_text, task.prompt.hint_suffix) == ("inline", "gone", "{hint}")
    assert task.prompt.max_options == 3
    assert (task.columns.answer_map, task.columns.group_size, task.columns.row_number) == ({"1": "yes"}, 2, "n")
    assert task.columns.option_regex == "x"
    assert task.hub.columns.stringified_lists == ("q",)
    llava = task.wordings["llava"].prompt
    assert (llava.options_prefix, llava.collapse_spaces, llava.images) == ("?", True, "concatenated")
    assert llava.strip_text == "gone"


def test_a_file_with_new_names_extends_one_with_old_ones(tmp_path):
    new = "extends: old\nprompt: {strip_text: new, images: first}\n"
    prompt = load_task("new", folder(tmp_path, old=OLD, new=new)).prompt
    assert (prompt.strip_text, prompt.images, prompt.max_options) == ("new", "first", 3)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ("prompt: {remove: a, strip_text: b}", "'prompt.remove' and 'prompt.strip_text'"),
        ("hub: {columns: {pair: 2, group_size: 2}}", "'hub.columns.pair' and 'hub.columns.group_size'"),
        ("wordings: {llava: {prompt: {tidy: true, collapse_spaces: true}}}", "'wordings.llava.prompt.tidy' and "),
    ],
)
def test_one_key_under_both_of_its_names_is_an_error(tmp_path, keys, named):
    with pytest.raises(UserError, match=f"both.yaml: keys {named}.*one key under its old and its new name"):
        load_task("both", folder(tmp_path, old=OLD, both=f"extends: old\n{keys}\n"))


def test_check_names_the_old_keys_of_a_file(tmp_path, capsys):
    text = OLD.replace("remove: gone", "strip_text: gone")
    assert main(["check", "old", "--task-dir", str(folder(tmp_path, old=text))]) == 0
    printed = capsys.readouterr().out
    assert "note: prompt.hint_after is an old name, still read; today's is hint_suffix" in printed
    assert "note: prompt.images: in_place is an old name, still read; today's is inline" in printed
    assert "note: wordings.llava.prompt.tidy is an old name, still read; today's is collapse_spaces" in printed
    assert "strip_text" not in printed


def test_no_shipped_task_uses_an_old_name():
    assert [line for name in task_files() for line in renamed_keys(name)] == []
