"""Notes on questions: the official release that they are of, and those without a right option."""

import gzip
import json

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.prompts.question_notes import find_release, question_notes, questions_digest, unanswerable_note
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample


@pytest.fixture
def pope(tmp_path):
    folder = tmp_path / "pope" / "coco"
    folder.mkdir(parents=True)
    for category in ("random", "popular", "adversarial"):
        rows = [
            {"question_id": n, "image": f"{n}.jpg", "text": f"Is there a {thing} in the imange?", "label": label}
            for n, (thing, label) in enumerate((("cat", "yes"), ("dog", "no")), 1)
        ]
        (folder / f"coco_pope_{category}.json").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def with_release(task, digest):
    releases = {"abc": {"questions": digest, "note": "those that we asked"}}
    expected = type(task.expected).model_validate({"samples": [6], "releases": releases})
    return task.model_copy(update={"expected": expected})


def test_a_release_is_known_by_its_questions_whatever_file_they_come_in(pope):
    samples = load_samples(load_task("pope"), pope, allow_partial=True)
    task = with_release(load_task("pope"), questions_digest(samples))
    assert find_release(task, reversed(samples)) == "abc"
    assert question_notes(task, samples) == (
        "the questions are those of the official release abc: those that we asked",
    )
    for path in (pope / "pope" / "coco").iterdir():
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert find_release(task, load_samples(task, pope)) == "abc"


def test_questions_of_no_known_release_are_told(pope):
    samples = load_samples(load_task("pope"), pope, allow_partial=True)
    (note,) = question_notes(load_task("pope"), samples)
    assert note == (
        "the questions are those of no official release that is known here (e3e3926, 7ef3026, edebdda, 109985c)"
    )
    assert question_notes(load_task("pope"), samples, complete=False) == ()


def test_one_letter_makes_another_release(pope):
    samples = load_samples(load_task("pope"), pope, allow_partial=True)
    path = pope / "pope" / "coco" / "coco_pope_random.json"
    path.write_text(path.read_text().replace("imange", "image"))
    assert questions_digest(load_samples(load_task("pope"), pope, allow_partial=True)) != questions_digest(samples)


def asked(task, **fields):
    fields = {"question": "Which?", "references": ("C",)} | fields
    return unanswerable_note(load_task(task), [Sample("9", **fields), Sample("1", "?", references=("A",), options="a")])


TOLD = ("1 question is asked without the right option, the first is 9",)


@pytest.mark.parametrize(
    ("task", "fields", "note"),
    [
        ("seed", {"options": ("a", "b", "c")}, ()),
        ("seed", {"options": ("a", "b")}, TOLD),
        ("mmbench_en", {"options": ("a", "b", "c")}, ()),
        ("mmbench_en", {"options": ("a", "b")}, TOLD),
        ("mmbench_en", {"meta": {"passes": (({"A": "a", "C": "c"}, "C"), ({"C": "a", "B": "c"}, "B"))}}, ()),
        ("mmbench_en", {"meta": {"passes": (({"A": "a", "B": "b"}, "C"), ({"A": "b", "D": "a"}, "B"))}}, TOLD),
        ("mmmu_pasted", {"options": "abcde", "references": ("E",)}, TOLD),  # the script shows four
        ("mmmu", {"options": "abcde", "references": ("E",)}, ()),
        ("mmmu", {"references": ("C",)}, ()),  # an open question
        ("mathvista", {"options": ("C", "D")}, ()),  # the truth is the option's text
    ],
)
def test_a_question_asked_without_its_right_option_is_noted(task, fields, note):
    assert asked(task, **fields) == note


def test_a_row_of_mmbench_whose_truth_reads_as_missing_is_told(tmp_path):
    folder = tmp_path / "mmbench"
    folder.mkdir()
    head = "index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\tl2-category\tsplit\timage\n"
    rows = "1\tHow many?\t\tNone\tTwo\tOne\tThree\tA\tc\tf\tdev\t/9j/\n"
    rows += "2\tHow many?\t\tTwo\t\tnan\tOne\tC\tc\tf\tdev\t/9j/\n"
    (folder / "MMBench_DEV_EN.tsv").write_text(head + rows)
    for task, count in (("mmbench_en", 2), ("mmbench_en_emma", 1)):  # with no option before it, nothing is asked
        samples = load_samples(load_task(task), tmp_path, allow_partial=True)
        assert unanswerable_note(load_task(task), samples)[0].startswith(f"{count} question")
