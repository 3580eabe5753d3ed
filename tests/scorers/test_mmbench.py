"""MMBench: VLMEvalKit's parser, and circular evaluation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.images.sources import ImageBytes
from emma_eval.prompts.building import build_requests
from emma_eval.prompts.question_notes import unanswerable_note
from emma_eval.scorers.mmbench import mmbench
from emma_eval.scorers.option_matching import after_xlsx, infer
from emma_eval.tasks.circular import circular_passes
from emma_eval.tasks.loading import load_task
from emma_eval.tasks.reader import get_reader
from emma_eval.types import Answer
from tests.fakes import sample
from tests.scorers.helpers import value

CHOICES = {"A": "cat", "B": "dog", "C": "red car", "D": "3.5"}
META = {"category": "ocr", "l2_category": "finegrained", "split": "dev"}


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(B)", "B"),
        ("B. dog", "B"),
        ("答案\uff1a C 。", "C"),
        ("答案\uff1aC。", None),  # full-width marks are not marks
        ("A dog", "A"),  # the article
        ("A or B", None),
        ("B is what I would say here", None),  # not among the last 4 tokens
        ("I would say it is B really quite so", "B"),
        ("The answer is cat, I would say so here", "C"),  # no word boundary
        ("**answer is **B", "B"),
        ("it shows a Dog", "B"),  # by the option's text
        ("cat and dog", None),
        ("a dog " + "x" * 40, None),  # more than twice all options
        ("Sorry, I can't help with images of people yet.", "Z"),
        ("Z", "Z"),
        ("Failed to obtain answer via API", None),
        ("b", None),
    ],
)
def test_reading(text, letter):
    assert infer(text, CHOICES) == letter


def test_a_letter_without_an_option_is_not_a_letter():
    assert infer("D", {"A": "cat", "B": "dog"}) is None


@pytest.mark.parametrize(
    ("text", "read_back"),
    [("", "nan"), ("None", "nan"), ("N/A", "nan"), ("none", "none"), (" N/A", " N/A"), ("A\r", "A_x000D_"), ("A", "A")],
)
def test_the_xlsx_round_trip(text, read_back):
    assert after_xlsx(text) == read_back


def asked(*texts):
    return {("1", pass_index): Answer(text) for pass_index, text in enumerate(texts) if text is not None}


def three_options(**meta):
    return sample("1", "B", options=("cat", "dog", "bus"), **META, **meta)


def test_options_and_letter_rotate_left_a_place_a_pass():
    assert circular_passes(three_options()) == [
        ({"A": "cat", "B": "dog", "C": "bus"}, "B"),
        ({"A": "dog", "B": "bus", "C": "cat"}, "A"),
        ({"A": "bus", "B": "cat", "C": "dog"}, "C"),
    ]


@given(st.integers(1, 4), st.data())
def test_the_letter_always_points_at_the_same_option(count, data):
    options = tuple("wxyz"[:count])
    reference = data.draw(st.sampled_from("ABCD"[:count]))
    passes = circular_passes(sample("1", reference, options=options, **META))
    assert {choices[letter] for choices, letter in passes} == {options["ABCD".index(reference)]}
    assert len(passes) == count


def test_one_failed_pass_fails_the_question():
    assert value(mmbench([three_options()], asked("B", "A", "C"))) == 1
    scores = mmbench([three_options()], asked("B", "A", "B"))
    assert (value(scores), value(scores, "vanilla_accuracy")) == (0, 1)
    assert value(scores, "vanilla_accuracy_all_passes") == 2 / 3
    assert scores.samples[0].parsed_answer == "BAB"


def test_a_missing_pass_fails_the_question_with_a_note():
    scores = mmbench([three_options()], asked("B", "A", None))
    assert (value(scores), scores.samples[0].status) == (0, "missing")
    assert "1 passes" in scores.notes[0]


def test_the_files_own_passes_go_before_rotation():
    passes = (({"A": "cat", "C": "bus"}, "A"), ({"B": "cat"}, "B"))
    assert value(mmbench([three_options(passes=passes)], asked("A", "B"))) == 1


def test_exact_letters_take_the_letter_alone():
    letters = asked("B", "A ", "C")
    assert value(mmbench([three_options()], letters, matching="exact_letters")) == 1
    assert value(mmbench([three_options()], asked("B", "A.", "C"), matching="exact_letters")) == 0


def test_exact_letters_are_those_of_the_files_own_passes():
    """The release of 2023-07-12 turns its options right."""
    passes = (({"A": "cat", "B": "dog"}, "B"), ({"A": "bus", "B": "cat", "C": "dog"}, "C"), ({"A": "dog"}, "A"))
    assert value(mmbench([three_options(passes=passes)], asked("B", "C", "A"), matching="exact_letters")) == 1


def test_emma_reads_the_options_before_the_first_missing_one_and_turns_them_left():
    passes = (({"A": "cat", "B": "dog", "D": "bus"}, "B"),)
    cut = sample("1", "B", options=("cat", "dog"), passes=passes, **META)
    assert value(mmbench([cut], asked("B", "A"), matching="emma")) == 1
    assert mmbench([cut], asked("B"), matching="emma").samples[0].status == "missing"


def test_for_emma_a_question_without_options_counts_as_right():
    scores = mmbench([sample("1", "B", options=(), **META)], {}, matching="emma")
    assert value(scores) == 1
    assert "no option" in scores.notes[0]


def test_breakdowns_are_within_all_and_within_each_split():
    scores = mmbench([three_options()], asked("B", "A", "C"))
    groups = {(m.group, m.category) for m in scores.metrics if m.group}
    assert groups == {
        ("category", "ocr"),
        ("l2_category", "finegrained"),
        ("split", "dev"),
        ("dev/category", "ocr"),
        ("dev/l2_category", "finegrained"),
    }


CELLS = st.sampled_from(["cat", "dog", "bus", "pear", "", "nan", "None", "N/A"])


@st.composite
def files(draw):
    """Rows of MMBench's file: a question with a row alone, or with a row a pass, turned either way."""
    rows = []
    for question in range(1, draw(st.integers(1, 4)) + 1):
        cells = draw(st.lists(CELLS, min_size=4, max_size=4))
        answer = draw(st.integers(0, 3))
        if not cells[answer]:
            cells[answer] = "kite"
        count = max(i + 1 for i, cell in enumerate(cells) if cell)
        way = draw(st.sampled_from([0, -1, 1]))
        for turn in range(count if way else 1):
            places = [(place + way * turn) % count for place in range(count)]
            turned = [cells[place] for place in places] + [""] * (4 - count)
            rows.append((question + turn * 1_000_000, *turned, "ABCD"[places.index(answer)]))
    return rows


@given(files())
def test_who_answers_each_pass_as_it_is_shown_is_right(rows):
    columns = ("index", "A", "B", "C", "D", "answer")
    fixed = {"question": "?", "hint": "", "category": "c", "l2-category": "f", "split": "dev"}
    fixed["image"] = ImageBytes("an image", bytes)
    task = load_task("mmbench_en")
    samples = get_reader("mmbench_tsv").read_rows(
        "rows", [dict(zip(columns, row, strict=True)) | fixed for row in rows]
    )
    samples = [sample for sample in samples if not unanswerable_note(task, [sample])]
    if not samples:
        return
    asked = {request.key for request in build_requests(task, samples)}
    right = {
        (sample.id, turn): Answer(letter)
        for sample in samples
        for turn, (_, letter) in enumerate(circular_passes(sample))
    }
    assert right.keys() == asked
    for matching in ("vlmevalkit", "exact_letters"):
        assert value(mmbench(samples, right, matching=matching)) == 1
