"""Where a file may mean two things, or speaks of other data than the samples, it is refused in one line."""

import json

import pytest

from emma_eval.errors import UserError
from emma_eval.predictions import read_predictions
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample

POPE = load_task("pope")
MMBENCH = load_task("mmbench_en")


def pope_samples():
    """Two questions a category; ids run on over the three, the official ones begin anew in each."""
    return [
        Sample(
            str(2 * place + number),
            f"Is there a {category} {number}?",
            category=category,
            meta={"question_id": number + 1, "image": "COCO_val2014_000000000042.jpg"},
        )
        for place, category in enumerate(("random", "popular", "adversarial"))
        for number in range(2)
    ]


SAMPLES = pope_samples()


def read(tmp_path, rows, samples=SAMPLES, task=POPE, name="a.jsonl", **more):
    path = tmp_path / name
    path.write_text(rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows))
    predictions = read_predictions(path, samples, task, **more)
    return {key[0]: answer.text for key, answer in predictions.answers.items()}


def refused(tmp_path, match, rows, *args, **more):
    with pytest.raises(UserError, match=match) as caught:
        read(tmp_path, rows, *args, **more)
    assert "\n" not in str(caught.value)


# ids


def test_ids_that_fit_two_ways_are_refused(tmp_path):
    rows = [{"question_id": number, "text": "yes"} for number in (1, 2)]
    refused(tmp_path, "line 1: by .* this row answers sample .*, by .* sample .*, and nothing in the file tells", rows)


def test_all_of_the_tasks_own_ids_are_no_doubt(tmp_path):
    rows = [{"question_id": sample.id, "text": sample.id} for sample in SAMPLES]
    assert read(tmp_path, rows) == {sample.id: sample.id for sample in SAMPLES}


@pytest.mark.parametrize(("extra_key", "attribute"), [("category", "category"), ("prompt", "question")])
def test_official_ids_of_one_file_are_known_by_what_stands_beside_them(tmp_path, extra_key, attribute):
    popular = SAMPLES[2:4]
    rows = [
        {
            "question_id": s.meta["question_id"],
            "text": s.id,
            extra_key: getattr(s, attribute),
        }
        for s in popular
    ]
    assert read(tmp_path, rows) == {"2": "2", "3": "3"}


def test_official_ids_of_all_three_files_with_the_category(tmp_path):
    rows = [{"question_id": s.meta["question_id"], "category": s.category, "text": s.id} for s in SAMPLES]
    assert read(tmp_path, rows) == {s.id: s.id for s in SAMPLES}


def test_official_ids_of_all_three_files_without_it_are_refused(tmp_path):
    rows = [{"question_id": s.meta["question_id"], "text": s.id} for s in SAMPLES]
    refused(tmp_path, "answers sample", rows)


def test_no_pass_arithmetic_where_nothing_turns(tmp_path):
    rows = [{"question_id": s.id, "text": "yes"} for s in SAMPLES] + [{"question_id": 5_000_001, "text": "no"}]
    refused(tmp_path, "1 answer to questions, or passes of questions, that are not in the data, .*line 7", rows)


def test_ids_that_a_spreadsheet_made_floats(tmp_path):
    rows = [{"question_id": float(sample.id), "text": sample.id} for sample in SAMPLES]
    assert read(tmp_path, rows) == {sample.id: sample.id for sample in SAMPLES}


@pytest.mark.parametrize("partial", [False, True])
def test_no_row_that_matches_is_never_a_score(tmp_path, partial):
    rows = [{"question_id": f"x{number}", "text": "yes"} for number in range(3)]
    refused(tmp_path, "none of its 3 rows answers a question", rows, ignore_foreign=partial)


# contradictions

ROWS = [{"question_id": s.id, "prompt": s.question, "category": s.category, "text": "yes"} for s in SAMPLES]


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        (
            {"prompt": "Is there a tree?"},
            "line 2: joined by .*prompt 'Is there a tree\\?' is not what sample '1' asks, 'Is",
        ),
        ({"question": "Is there a tree?"}, "question 'Is there a tree\\?' is not what sample '1' asks"),
        ({"prompt": "Why is there a random 1? Say."}, "is not what sample '1' asks"),
        ({"category": "popular"}, "category 'popular' is not that of sample '1', 'random'"),
        ({"category": "randm"}, "category 'randm' is not that of sample '1', 'random'"),
    ],
)
@pytest.mark.parametrize("partial", [False, True])
def test_a_row_that_contradicts_its_sample_is_named(tmp_path, changed, match, partial):
    rows = [*ROWS[:1], ROWS[1] | changed, *ROWS[2:]]
    refused(tmp_path, match, rows, ignore_foreign=partial)


def test_an_image_of_another_sample(tmp_path):
    samples = [Sample(str(n), "Is it?", meta={"image": f"COCO_val2014_{n:012d}.jpg"}) for n in range(3)]
    rows = [{"question_id": n, "image": f"images/{n}.png", "text": "yes"} for n in (0, 1, 2)]
    assert len(read(tmp_path, rows, samples, load_task("vqav2"))) == 3
    rows[2]["image"] = "1.jpg"
    refused(tmp_path, "line 3: .*its image '1' is not that of sample '2', '2'", rows, samples, load_task("vqav2"))


@pytest.mark.parametrize(
    "shown",
    [
        {"options": ["dog", "cat"], "option_char": ["A", "B"]},
        {"A": "dog", "B": "cat"},
    ],
)
def test_options_of_another_release_or_pass(tmp_path, shown):
    samples = [Sample("7", "Which?", options=("cat", "dog"), references=("A",))]
    row = {"index": 7, "prediction": "A", **shown}
    refused(tmp_path, "its option A 'dog' is not that of pass 0 of '7', 'cat'", [row], samples, MMBENCH)
    turned = [row | {"index": 1_000_007}]
    assert read(tmp_path, turned, samples, MMBENCH) == {"7": "A"}


def test_one_image_and_question_in_two_categories(tmp_path):
    twice = [
        Sample(str(n), "Is it?", category=c, meta={"image": "1.jpg", "question_id": n}) for n, c in enumerate("ab")
    ]
    rows = [{"image": "1.jpg", "question": "Is it?", "response": "yes"}] * 3
    refused(tmp_path, "its image and question are those of the samples '0' and '1'", rows, twice)
    rows = [{"image": "1.jpg", "question": "Is it?", "category": c, "response": c} for c in "ba"]
    assert read(tmp_path, rows, twice) == {"0": "a", "1": "b"}


# the answers' key


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ({"prediction": "a", "response": "b"}, "the keys prediction and response may both .* --answer-key"),
        ({"text": "a", "answer": "b"}, "the keys text and answer may both .* --answer-key"),
        ({"text": "a", "caption": "b"}, "the keys caption and text may both .* --answer-key"),
        ({"answer": "a", "choices": ["a"]}, "'answer' beside 'choices' may be the reference .* --answer-key answer"),
        ({"A": "x", "B": "y", "answer": "A"}, "'answer' beside 'A' may be the reference"),
        ({"reply": "a"}, "no answer; one of the keys .*'reply'; --answer-key KEY names another"),
        ({"filtered_resps": ["a", "b"], "doc_id": 0}, "filtered_resps must be text, not a list of 2"),
        ({"text": True}, "text must be text, not bool True"),
        ({"text": {"a": 1}}, "text must be text, not dict"),
    ],
)
def test_a_doubtful_answer_key(tmp_path, row, match):
    refused(tmp_path, match, [{"question_id": s.id, **row} for s in SAMPLES])


@pytest.mark.parametrize("key", ["prediction", "response", "reply"])
def test_the_user_settles_it(tmp_path, key):
    rows = [
        {"question_id": s.id, "prediction": "prediction", "response": "response", "reply": "reply"} for s in SAMPLES
    ]
    assert set(read(tmp_path, rows, answer_key=key).values()) == {key}


def test_a_key_that_no_row_has(tmp_path):
    refused(
        tmp_path, "--answer-key 'txt': no row has that key; they have 'question_id', .*'text'", ROWS, answer_key="txt"
    )


def test_a_row_without_the_files_key(tmp_path):
    rows = [*ROWS[:5], {"question_id": "5", "prediction": "no"}]
    refused(tmp_path, "may both hold the answers", rows)
    refused(tmp_path, "line 6: no answer; the file's are under 'text'", rows, answer_key="text")


@pytest.mark.parametrize("written", ["NaN", "null"])
def test_nan_and_null_are_no_answer(tmp_path, written):
    lines = "".join(
        f'{{"question_id": {s.id}, "text": {written if s.id == "3" else chr(34) + "yes" + chr(34)}}}\n' for s in SAMPLES
    )
    path = tmp_path / "a.jsonl"
    path.write_text(lines)
    predictions = read_predictions(path, SAMPLES, POPE)
    assert predictions.failed == {("3", 0)}
    assert len(predictions.answers) == 5


# files


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.csv", 'question_id,text\n0,yes\n1,"yes\n2,no\n', "line 3: not a table: .*a quote that is not closed"),
        ("a.csv", 'question_id,text\n0,yes\n1,"ye"s\n2,no\n', "line 3: not a table"),
        ("a.csv", "question_id,text\n0\n", "line 2: 1 cell under 2 columns"),
        ("a.csv", "question_id,text\n0,yes,no\n", "line 2: 3 cells under 2 columns; a comma .* needs quotes"),
        ("a.tsv", "question_id\ttext\n0\tyes\tno\n", "line 2: 3 cells under 2 columns; a tab .* needs quotes"),
        ("a.csv", "question_id,text,text\n0,yes,no\n", "line 1: two columns are called 'text'"),
        ("a.jsonl", '{"question_id": 0, "text": "yes", "text": "no"}\n{}\n', "line 1: .*'text' stands twice"),
        ("a.json", '{"0": "yes",\n "0": "no"}', "'0' stands twice"),
        ("a.json", '[{"question_id": 0, "text": "a", "question_id": 1}]', "'question_id' stands twice"),
        ("a.csv", "", "there are no answers in it"),
        ("a.csv", "question_id,text\n", "there are no answers in it"),
        ("a.json", "{}", "there are no answers in it"),
        ("a.json", '{"outputs": []}', "must map ids to texts"),
    ],
)
def test_a_broken_file(tmp_path, name, content, match):
    refused(tmp_path, match, content, name=name)


# what people's files look like


def test_ids_of_a_column_with_gaps(tmp_path):
    content = "question_id,prediction\n" + "".join(f"{sample.id}.0,{sample.id}\n" for sample in SAMPLES)
    assert read(tmp_path, content, name="a.csv") == {sample.id: sample.id for sample in SAMPLES}


def test_the_benchmarks_own_rows_with_a_response(tmp_path):
    """`text` is the question there, and is compared as one."""
    rows = [{"question_id": s.id, "text": s.question, "label": "yes", "response": s.id} for s in SAMPLES]
    assert read(tmp_path, rows) == {sample.id: sample.id for sample in SAMPLES}
    rows[0]["text"], rows[1]["text"] = rows[1]["text"], rows[0]["text"]
    refused(tmp_path, "line 1: .*its text 'Is there a random 1\\?' is not what sample '0' asks", rows)


def test_the_benchmarks_own_file_holds_no_answers(tmp_path):
    rows = [{"question_id": s.id, "text": f"{s.question}\nAnswer briefly.", "category": s.category} for s in SAMPLES]
    refused(tmp_path, "no answer; one of the keys", rows)


def test_the_benchmarks_id_beside_vlmevalkits_index(tmp_path):
    samples = [Sample(f"validation_Art_{number}", f"What is {number}?") for number in range(3)]
    rows = [{"index": 7 + n, "id": s.id, "question": s.question, "prediction": s.id} for n, s in enumerate(samples)]
    assert read(tmp_path, rows, samples, load_task("mmmu")) == {sample.id: sample.id for sample in samples}


def test_official_rows_of_all_three_files_whose_image_and_question_recur(tmp_path):
    samples = [Sample(s.id, "Is there a cat?", category=s.category, meta=s.meta) for s in SAMPLES]
    rows = [{"question_id": s.meta["question_id"], "text": s.question, "response": "yes"} for s in samples]
    refused(tmp_path, "category", rows, samples)


def test_what_is_left_over_is_named_by_its_question(tmp_path):
    """In LLaVA's answers to MME the id is the image, which the data have: the question is what they do not."""
    samples = [Sample(f"existence/1.jpg#{n}", f"Is there a {what}?", category="existence", meta={"image": "1.jpg"})
               for n, what in enumerate(("kite", "drum"))]  # fmt: skip
    rows = [
        {"question_id": "existence/1.jpg", "prompt": f"Is there a {what}?", "text": "yes"} for what in ("kite", "whale")
    ]
    match = "line 2, to 'existence/1.jpg' .its prompt: 'Is there a whale.'"
    refused(tmp_path, match, rows, samples, load_task("mme"))


def test_an_id_that_is_no_text_or_number_is_said_to_be_none(tmp_path):
    rows = [{"question_id": "1", "prediction": "A"}, {"question_id": True, "prediction": "B"}]
    refused(tmp_path, "line 2, to no id that can be read; take", rows, [Sample("1", "Q?"), Sample("2", "R?")], None)


def test_empty_answers_are_counted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,prediction\n1,\n2,yes\n")
    predictions = read_predictions(path, [Sample("1", "Q?"), Sample("2", "R?")])
    assert predictions.notes == ("1 of 2 answers are empty",)
