"""`load_task`: samples and requests without a model, as a run would ask them."""

import pytest

import emma_eval
from emma_eval.errors import UserError
from tests.fakes import REQUESTS, quiz_row, write_quiz


def test_a_task_is_a_sequence_of_samples(data):
    task = emma_eval.load_task("pope", data=data, allow_partial=True)
    assert len(task) == REQUESTS == len(list(task))
    assert task[0].question == "Is there a random cat 0?"
    assert [sample.references for sample in task[:2]] == [("yes",), ("no",)]
    assert task[-1] in task
    assert task.config.name == task.name == "pope"


def test_samples_are_those_that_a_run_selects(data):
    task = emma_eval.load_task("pope", data=data, limit=4, seed=7)
    run = emma_eval.evaluate(
        lambda message: "yes", "pope", data=data, limit=4, seed=7, output=data / "run", fingerprint="1", progress=False
    )
    assert [sample.id for sample in task] == list(run.samples["id"])


def test_requests_are_what_a_run_asks(data):
    seen = []
    task = emma_eval.load_task("pope", data=data, limit=4)
    options = {"data": data, "limit": 4, "output": data / "run", "fingerprint": "1", "progress": False}
    emma_eval.evaluate(lambda message: seen.append(message.text) or "yes", "pope", **options)
    assert seen == [request.message for request in task.requests()]


def test_a_circular_task_has_a_request_for_each_pass():
    task = emma_eval.load_task("mmbench_mini", limit=3)
    assert [request.key for request in task.requests()][:2] == [(task[0].id, 0), (task[0].id, 1)]


def test_wordings_are_those_of_the_model_families():
    task = emma_eval.load_task("mme_mini", limit=1)
    (own,), (owl,) = task.requests(), task.requests("mplug_owl2")
    assert own.message != owl.message
    with pytest.raises(UserError, match="unknown wording 'owl'"):
        task.requests("owl")


def test_the_frame_has_a_row_a_sample(data):
    frame = emma_eval.load_task("pope", data=data, allow_partial=True).frame
    assert list(frame["question"][:2]) == ["Is there a random cat 0?", "Is there a random cat 1?"]
    assert frame["images"][0] == [str(data / "pope" / "val2014" / "a.jpg")]


def test_data_are_read_at_the_first_use_alone(tmp_path):
    task = emma_eval.load_task("pope", data=tmp_path)
    assert repr(task) == "<Task pope: POPE, split coco, not read yet>"
    with pytest.raises(UserError, match="data not found"):
        len(task)


def test_incomplete_data_are_refused_as_a_run_does(data):
    with pytest.raises(UserError, match=r"12 samples were read, .* expected"):
        len(emma_eval.load_task("pope", data=data))


def test_a_folder_of_tasks_is_known_to_its_task_alone(tmp_path):
    write_quiz(tmp_path, [quiz_row(1), quiz_row(2)])
    task = emma_eval.load_task("quiz", data=tmp_path / "data", task_dir=tmp_path / "tasks")
    assert len(task) == 2
    assert "quiz" in emma_eval.list_tasks(task_dir=[tmp_path / "tasks"])
    with pytest.raises(UserError, match="unknown task 'quiz'"):
        emma_eval.load_task("quiz")


@pytest.mark.parametrize(
    ("name", "message"), [("popes", "did you mean 'pope'"), ("mini", "is a group"), ("lmms:pope", "lmms-eval")]
)
def test_unknown_tasks_are_refused_at_once(name, message):
    with pytest.raises(UserError, match=message):
        emma_eval.load_task(name)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_nothing_is_refused(limit):
    with pytest.raises(UserError, match="a whole number above 0"):
        emma_eval.load_task("pope_mini", limit=limit)


@pytest.mark.parametrize(("name", "value"), [("limit", "3"), ("limit", 2.5), ("limit", True), ("seed", "1")])
def test_numbers_that_are_none_are_refused_at_once(name, value):
    with pytest.raises(UserError, match=f"{name}={value!r}: {value!r} is not a whole number"):
        emma_eval.load_task("pope_mini", **{name: value})


def test_groups_are_listed_in_their_order():
    assert emma_eval.list_tasks("pope") == ["pope"]
    assert "pope" in emma_eval.list_tasks()
    with pytest.raises(UserError, match="unknown task or group 'minis'; did you mean"):
        emma_eval.list_tasks("minis")
