"""Our models in lmms-eval: the constructor as lmms-eval calls it, and one call for the requests of all tasks."""

import tomllib
from pathlib import Path

import datasets
import pytest

from emma_eval.errors import UserError
from emma_eval.registry import import_object
from emma_eval.types import Failure, Generation
from tests.fakes import FakeEngine, FakeHandle
from tests.lmms.quiz import png

pytestmark = pytest.mark.usefixtures("installed")
GREEDY = {"until": ["\n\n"], "max_new_tokens": 16, "temperature": 0}


@pytest.fixture
def make(monkeypatch):
    """A function that makes the model, whose engine is a fake one; the specs and batch sizes it was loaded with."""
    from emma_eval.lmms import model

    loaded = []

    def create(engine=None, **arguments):
        def find_model(spec):
            loaded.append(spec)
            return FakeHandle(engine or FakeEngine())

        def load_engine(handle, batch_size):
            loaded.append(batch_size)
            return handle.load()

        monkeypatch.setattr(model, "find_model", find_model)
        monkeypatch.setattr(model, "load_engine", load_engine)
        return model.EmmaModel(**arguments)

    create.loaded = loaded
    return create


def test_its_entry_point_gives_both_names():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    manifests = import_object(project["entry-points"]["lmms_eval.models"]["emma"])
    assert [(manifest.model_id, manifest.simple_class_path) for manifest in manifests()] == [
        ("emma", "emma_eval.lmms.model.EmmaModel"),
        ("owl2", "emma_eval.lmms.model.EmmaModel"),
    ]


def test_the_constructor_takes_what_lmms_eval_gives(make):
    make(pretrained="emma-mini", batch_size="16", device="cpu", max_batch_size=None, fast_preprocess=True)
    spec, batch_size = make.loaded
    assert (spec.source, spec.device, dict(spec.options)) == ("emma-mini", "cpu", {"fast_preprocess": "true"})
    assert batch_size == 16


@pytest.mark.parametrize(("given", "size"), [("auto", "auto"), (4, 4), (None, "auto"), ("auto:4", "auto")])
def test_batch_sizes(make, given, size):
    make(pretrained="x", batch_size=given)
    assert make.loaded[1] == size


@pytest.mark.parametrize("given", ["0", "many", "-1"])
def test_other_batch_sizes_are_refused(make, given):
    with pytest.raises(UserError, match="a whole number above 0 or auto is expected"):
        make(pretrained="x", batch_size=given)


def test_without_a_checkpoint_it_says_what_is_missing(make):
    with pytest.raises(UserError, match="--model_args pretrained=PATH is missing"):
        make(batch_size="1")


class Backwards(FakeEngine):
    """Answers the last request first, with its message's last word."""

    def generate(self, requests, stats):
        self.requests = list(requests)
        for index in reversed(range(len(requests))):
            yield index, self.respond(requests[index])

    def respond(self, request):
        if "fail" in request.message:
            return Failure("no such image")
        return Generation(request.message.split()[-1] + "\n\nmore", (5, 6, 2), "stop")


def instances(*questions, task="t", options=GREEDY):
    from lmms_eval.api.instance import Instance

    def visual(doc):
        return [doc["image"].convert("RGB")]

    metadata = {"task": task, "doc_id": 0, "repeats": 1}
    return [
        Instance("generate_until", (question, dict(options), visual, index, task, "test"), 0, metadata)
        for index, question in enumerate(questions)
    ]


def rows(count):
    features = datasets.Features({"image": datasets.Image()})
    return {"test": datasets.Dataset.from_list([{"image": {"bytes": png(0)}}] * count, features=features)}


def test_requests_of_all_tasks_are_one_queue_and_answers_keep_their_order(make):
    engine = Backwards()
    model = make(engine, pretrained="x")
    model.task_dict = {"t": rows(2), "u": rows(1)}
    given = [*instances("first\nIn a word.", "second"), *instances("third", task="u", options={"max_new_tokens": 3})]
    results = model.generate_until(given)
    assert [result.text for result in results] == ["word.", "second", "third\n\nmore"]
    assert [result.token_counts.output_tokens for result in results] == [3, 3, 3]
    assert [request.max_new_tokens for request in engine.requests] == [16, 16, 3]
    assert engine.requests[0].message == "<image>\nfirst\nIn a word."
    assert engine.requests[0].instruction == "first"
    assert len({request.images for request in engine.requests}) == 1


def test_a_text_with_markers_keeps_its_places(make):
    engine = Backwards()
    model = make(engine, pretrained="x")
    model.task_dict = {"t": rows(1)}
    model.generate_until(instances("In <image> what is seen"))
    assert engine.requests[0].message == "In <image> what is seen"


def test_a_request_that_fails_is_answered_by_nothing_and_logged(make):
    import loguru

    model = make(Backwards(), pretrained="x")
    model.task_dict = {"t": rows(2)}
    results = model.generate_until(instances("fail", "second"))
    assert [result.text for result in results] == ["", "second"]
    assert loguru.errors == ["task t, document 0 has no answer, an empty one is scored: no such image"]


def test_sampling_is_refused_before_anything_is_generated(make):
    engine = Backwards()
    model = make(engine, pretrained="x")
    model.task_dict = {"t": rows(1)}
    with pytest.raises(UserError, match="task t: generation_kwargs ask for sampling"):
        model.generate_until(instances("q", options={"temperature": 0.5}))
    assert engine.requests == []


def test_likelihoods_and_rounds_are_refused(make):
    model = make(pretrained="x")
    with pytest.raises(UserError, match="task t needs likelihoods"):
        model.loglikelihood(instances("q"))
    with pytest.raises(UserError, match="task t asks in several rounds"):
        model.generate_until_multi_round(instances("q"))
