"""Folders of tasks of one's own: known to every command beside the shipped ones, and never in their place."""

import pytest

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from emma_eval.tasks.index import expand_tasks, extra_task_folders, task_names
from emma_eval.tasks.loading import load_task
from tests import tiny_datasets as tiny


@pytest.fixture
def mine(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "seed_again.yaml").write_text("extends: seed\ntitle: SEED again\nexpected: {samples: 2}\n")
    return folder


def test_its_tasks_build_on_shipped_ones(mine):
    with extra_task_folders([mine]):
        task = load_task("seed_again")
        assert (task.title, task.expected.samples, task.reader) == ("SEED again", (2,), "seed_json")
        assert "pope" in task_names()
    assert "seed_again" not in task_names()


def test_every_command_knows_them(mine, tmp_path, capsys):
    tiny.seed(tmp_path)
    given = ["--task-dir", str(mine)]
    data = ["--data", str(tmp_path)]
    assert main(["list", "tasks", *given]) == 0
    assert main(["check", "seed_again", *given, *data]) == 0
    assert main(["show", "seed_again", *given, *data]) == 0
    assert main(["explain", "seed_again", *given]) == 0
    (tmp_path / "answers.jsonl").write_text('{"question_id": "101", "text": "C"}\n')
    scored = ["--predictions", str(tmp_path / "answers.jsonl"), "--allow-partial"]
    assert main(["score", "--task", "seed_again", *given, *data, *scored]) == 0
    assert "SEED again" in capsys.readouterr().out
    assert main(["run", "--help"]) == 0
    assert "--task-dir DIR" in capsys.readouterr().out
    assert main(["show", "seed_again"]) == 2


def test_it_may_have_groups(mine):
    (mine / "groups.yaml").write_text("my_group: [seed_again, pope]\n")
    with extra_task_folders([mine]):
        assert expand_tasks(["my_group"]) == ["seed_again", "pope"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("pope.yaml", "extends: seed\n", "there is a task or base 'pope' already, "),
        ("_letter.yaml", "prompt: {}\n", "there is a task or base '_letter' already, "),
        ("general.yaml", "extends: seed\n", "group 'general' has the name of the task "),
        ("groups.yaml", "mini: [pope]\n", "group 'mini' has the name of another group"),
        ("groups.yaml", "my_group: [pop]\n", "key 'my_group': unknown task 'pop'; did you mean 'pope'?"),
        ("groups.yaml", "pope: [seed]\n", "group 'pope' has the name of the task "),
    ],
)
def test_a_name_that_is_taken_is_refused(mine, file, text, message, capsys):
    (mine / file).write_text(text)
    assert main(["list", "--task-dir", str(mine)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert str(mine / file).removesuffix("general.yaml") in error
    assert error.count("\n") == 1


def test_two_folders_must_not_have_one_name(mine, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "seed_again.yaml").write_text("extends: seed\n")
    with (
        pytest.raises(UserError, match="there is a task or base 'seed_again' already"),
        extra_task_folders([mine, other]),
    ):
        pass
    with extra_task_folders([mine, mine]):  # the same folder twice is no clash
        assert "seed_again" in task_names()


def test_a_folder_that_is_not_there(tmp_path, capsys):
    assert main(["list", "--task-dir", str(tmp_path / "no")]) == 2
    assert f"--task-dir {tmp_path / 'no'}: no such folder" in capsys.readouterr().err


def test_a_data_set_of_ones_own_does_not_inherit_the_commit_of_another(mine):
    (mine / "moved.yaml").write_text("extends: pope\nhub: {id: org/pope}\n")
    (mine / "unpinned.yaml").write_text("extends: pope\nhub: {revision: null}\n")
    with extra_task_folders([mine]):
        moved, unpinned = load_task("moved").hub, load_task("unpinned").hub
    assert (moved.id, moved.revision, moved.split) == ("org/pope", None, "test")
    assert (unpinned.id, unpinned.revision) == (load_task("pope").hub.id, None)
