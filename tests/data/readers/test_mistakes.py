"""Data that is missing, broken or hostile ends in one readable line that names the place."""

import gzip
import json

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.errors import SampleError, UserError
from emma_eval.tasks.loading import load_task
from tests import tiny_datasets as tiny


def load(name, root, **options):
    return load_samples(load_task(name), root, **{"allow_partial": True, **options})


ANNOTATIONS = json.dumps({"annotations": [], "test": []})  # enough for the files that are not looked at


def complaint(name, root, **options):
    with pytest.raises(UserError) as caught:
        load(name, root, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def root(tmp_path):
    for write in tiny.TINY_DATASETS:
        write(tmp_path)
    return tmp_path


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def retype(path, old, new):
    """Put `new` in place of the first `old`, as a slip of the hand does."""
    path.write_text(path.read_text().replace(old, new, 1))


def test_another_number_of_samples_than_expected(root):
    assert "3 samples were read, 214,354 are expected" in complaint("vqav2", root, allow_partial=False)
    assert len(load("vqav2", root, allow_partial=False, limit=2)) == 2


def test_data_without_a_sample_are_named_whatever_is_allowed(root):
    path = root / "vizwiz/val.json"
    path.write_text("[]")
    for allowed in (True, False):
        assert complaint("vizwiz", root, allow_partial=allowed) == f"task vizwiz: none of its samples is in {path}"


def test_files_that_are_not_there(root):
    (root / "pope/coco/coco_pope_popular.json").unlink()
    message = complaint("pope", root)
    assert "popular: pope/coco/coco_pope_popular.json" in message
    assert "https://github.com/RUCAIBox/POPE" in message
    assert "random" not in message


def test_a_data_root_that_is_not_there(root):
    assert f"{root / 'dta'}: no such folder" in complaint("pope", root / "dta")


def test_image_folders_are_needed_to_run_but_not_to_score(root):
    for path in (root / "vizwiz/val").iterdir():
        path.unlink()
    (root / "vizwiz/val").rmdir()
    assert len(load("vizwiz", root)) == 2
    assert "images: vizwiz/val" in complaint("vizwiz", root, need_images=True)


def test_a_file_key_that_the_reader_does_not_know(root):
    message = complaint("vqav2", root, files={"question": root / "x.json"})
    assert "'question'; did you mean 'questions'?" in message


def test_a_given_file_that_does_not_exist(root):
    assert "x.json: no such file" in complaint("vqav2", root, files={"questions": root / "x.json"})


def test_a_missing_key_names_file_row_and_nearest_key(root):
    path = root / "vqav2/v2_mscoco_val2014_annotations.json"
    edit(path, lambda content: content["annotations"][1].update(answer=content["annotations"][1].pop("answers")))
    assert f"{path}, row 1: key 'answers' is missing; did you mean 'answer'?" in complaint("vqav2", root)


def test_a_missing_column_names_the_nearest_one(root):
    path = root / "mmbench/mmbench_dev_20230712.tsv"
    retype(path, "\tanswer\t", "\tanswers\t")
    assert f"{path}, row 0: key 'answer' is missing; did you mean 'answers'?" in complaint("mmbench_en", root)


def test_an_answer_whose_question_is_not_there(root):
    path = root / "vqav2/v2_OpenEnded_mscoco_val2014_questions.json"
    edit(path, lambda content: content["questions"].pop(0))
    assert "row 2: question_id 9 is not in" in complaint("vqav2", root)


def test_names_that_lead_out_of_their_folder(root):
    path = root / "vizwiz/val.json"
    for name in ("../secret.jpg", "/etc/passwd", "..\\secret.jpg", "C:/secret.jpg", ".", ""):
        edit(path, lambda content, name=name: content[1].update(image=name))
        assert f"{path}, row 1: the file name {name!r} leads out of its folder" in complaint("vizwiz", root)


def test_truncated_json(root):
    path = root / "scienceqa/problems.json"
    path.write_text(path.read_text()[:-40])
    message = complaint("scienceqa", root)
    assert f"{path}, line 1, column" in message
    assert "not JSON" in message


def test_truncated_gzip(root):
    path = root / "vizwiz/val.json"
    path.with_name("val.json.gz").write_bytes(gzip.compress(path.read_bytes())[:-20])
    path.unlink()
    assert f"{path}.gz: the compressed file ends too early" in complaint("vizwiz", root)


def test_a_broken_json_line(root):
    path = root / "pope/coco/coco_pope_random.json"
    retype(path, '"yes"}', '"yes"')
    assert f"{path}, line 1, column 1" in complaint("pope", root)


def test_a_label_that_is_no_label(root):
    path = root / "pope/coco/coco_pope_random.json"
    retype(path, '"no"', '"No"')
    assert f"{path}, row 1: label 'No' is neither 'yes' nor 'no'" in complaint("pope", root)


def test_an_mme_line_with_too_few_cells(root):
    path = root / "MME/MME_Benchmark_release_version/OCR/0000.txt"
    path.write_text("Is it?\tYes\nIs it not?\n")
    assert f"{path}, row 2:" in complaint("mme", root)


def test_an_mme_folder_that_is_a_file(root):
    path = root / "MME/MME_Benchmark_release_version/OCR/0000.txt"
    assert f"{path}: a folder is expected" in complaint("mme", root, files={"folder": path})


def test_circular_passes_with_a_gap(root):
    path = root / "mmbench/mmbench_dev_20230712.tsv"
    path.write_text(path.read_text().replace("\n1000252\t", "\n9000252\t"))
    assert "the passes of index 252 are not 0, 1, 2" in complaint("mmbench_en", root)


def test_an_unreadable_image_fails_only_when_it_is_opened(root):
    (root / "vqav2/val2014/COCO_val2014_000000000040.jpg").write_bytes(tiny.png(0)[:30])
    first, second, _ = load("vqav2", root)
    with pytest.raises(SampleError, match=r"COCO_val2014_000000000040\.jpg: not a readable image"):
        first.images[0].open()
    assert second.images[0].open().size == (3, 2)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("emma_eval.data.readers.easy_vqa.find_spec", lambda name: None)
    assert "pip install 'emma-eval[mini]'" in complaint("easy_vqa", None)


@pytest.mark.parametrize(
    ("task", "name", "content", "message"),
    [
        ("vqav2", "v2_OpenEnded_mscoco_val2014_questions.json", '{"questions": [{"question_id": 1}]}',
         "row 0: an object with image_id, question, question_id is expected"),
        ("vqav2", "v2_OpenEnded_mscoco_val2014_questions.json", '{"questions": [], "data_subtype": 7}',
         "key 'data_subtype': a text is expected, not a number"),
        ("vqav2", "v2_OpenEnded_mscoco_val2014_questions.json", '{"questions": [], "data_subtype": "x/../../../y"}',
         "data_subtype 'x/../../../y' is none of COCO's"),
        ("pope", "coco_pope_random.json", '"text"', "row 0: a JSON object is expected, not a text"),
        ("pope", "coco_pope_random.json", '{"question_id": [], "image": "a", "text": "?", "label": "no"}',
         "row 0: key 'question_id': a whole number is expected, not []"),
        ("seed", "SEED-Bench.json", "[1]", "a JSON object with the key 'questions' is expected"),
        ("seed", "SEED-Bench.json", '{"questions": [1]}', "row 0: a JSON object is expected, not a number"),
        ("seed", "SEED-Bench.json", '{"questions": [], "question_type": 1}',
         "key 'question_type': an object is expected, not a number"),
        ("gqa", "testdev_balanced_questions.json", '{"1": 5}', "row 0: a JSON object is expected, not a number"),
        ("gqa", "testdev_balanced_questions.json", "[]", "a JSON object keyed by question id is expected, not a list"),
        ("scienceqa", "problems.json", "[]", "a JSON object keyed by problem id is expected, not a list"),
        ("mme", "a.txt", "one cell\n", "row 1: question, answer are expected between tabs, not 'one cell'"),
    ],
)  # fmt: skip
def test_content_of_another_shape_is_told_by_file_and_row(task, name, content, message, tmp_path):
    for path in shapes(tmp_path)[task]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if path.name == name else ANNOTATIONS)
    error = complaint(task, tmp_path)
    assert name in error
    assert message in error


@pytest.mark.parametrize(
    ("task", "file", "change", "message"),
    [
        ("vizwiz", "vizwiz/val.json", {"answerable": "no"}, "'answerable': a whole number is expected, not 'no'"),
        ("vizwiz", "vizwiz/val.json", {"answerable": 1.5}, "'answerable': a whole number is expected, not 1.5"),
        ("vizwiz", "vizwiz/val.json", {"answers": [5]},
         "'answers' or 'answerable': {misfit}"),
        ("vizwiz", "vizwiz/val.json", {"image": 5},
         "'image' or 'answerable': {misfit}"),
        ("vizwiz", "vizwiz/val.json", {"question": 5}, "'question': {misfit}: a text is expected, not 5"),
        ("vizwiz", "vizwiz/val.json", {"answers": [{"answer": 5}]}, "{misfit}: a text is expected, not 5"),
        ("vqav2", "vqav2/v2_mscoco_val2014_annotations.json", {"answers": 5},
         "'answers': {misfit}"),
        ("vqav2", "vqav2/v2_OpenEnded_mscoco_val2014_questions.json", {"image_id": "a"},
         "key 'image_id': a whole number is expected, not 'a'"),
        ("gqa", "gqa/data/testdev_balanced_questions.json", {"types": 5},
         "'types': {misfit}"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_told_by_the_keys_that_it_may_be_of(task, file, change, message, root):
    path = root / file
    edit(path, lambda content: first_row(content).update(change))
    assert message.format(misfit="a value of another type than the format has") in complaint(task, root)


def first_row(content):
    """The first row of a list, of an object's list, or of an object keyed by id."""
    values = content if isinstance(content, list) else list(content.values())
    return next((value[0] for value in values if isinstance(value, list)), values[0])


def shapes(root):
    """The files of each task that must exist for its reader to read one of them."""
    return {
        "vqav2": [
            root / "vqav2/v2_OpenEnded_mscoco_val2014_questions.json",
            root / "vqav2/v2_mscoco_val2014_annotations.json",
        ],
        "pope": [root / f"pope/coco/coco_pope_{kind}.json" for kind in ("random", "popular", "adversarial")],
        "seed": [root / "seed_bench/SEED-Bench.json"],
        "gqa": [root / "gqa/testdev_balanced_questions.json"],
        "scienceqa": [root / "scienceqa/problems.json", root / "scienceqa/pid_splits.json"],
        "mme": [root / "mme/MME_Benchmark_release_version/count/a.txt"],
    }


def test_a_json_array_where_lines_are_expected_is_said_to_be_one(root):
    path = next(root.rglob("coco_pope_random.json"))
    path.write_text(json.dumps([json.loads(line) for line in path.read_text().splitlines() if line]))
    assert "row 0: a JSON object is expected, not a list" in complaint("pope", root)


@pytest.mark.parametrize("answer", ["a", "E", ""])
def test_a_truth_of_seed_bench_is_one_of_its_letters(root, answer):
    path = next(root.rglob("SEED-Bench.json"))
    edit(path, lambda content: content["questions"][0].update(answer=answer))
    assert f"row 0: answer {answer!r} is none of ABCD" in complaint("seed", root)


def test_a_science_question_of_other_types_is_named(root):
    path = next(root.rglob("problems.json"))
    first = json.loads(next(root.rglob("pid_splits.json")).read_text())["test"][0]
    edit(path, lambda content: content[first].update(choices=None))
    assert f"problem {first!r} in {path}: key 'choices'" in complaint("scienceqa", root)
