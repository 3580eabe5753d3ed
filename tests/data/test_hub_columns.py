"""Every shipped task's hub data set, a row of it in the columns, types and split that its card or its users tell."""

import pytest
from PIL import Image

from emma_eval.data.loading import load_samples
from emma_eval.tasks.index import task_names
from emma_eval.tasks.loading import load_task
from tests.tiny_datasets import make_image

datasets = pytest.importorskip("datasets")

TEXT, TEXTS, INT, IMAGE, IMAGES = "string", ["string"], "int64", "image", ["image"]
SHADE = 5
VQA_ANSWER = {"answer": TEXT, "answer_confidence": TEXT, "answer_id": INT}
VQA = {
    "question_type": TEXT,
    "multiple_choice_answer": TEXT,
    "answers": [VQA_ANSWER],
    "image_id": INT,
    "answer_type": TEXT,
    "question_id": INT,
    "question": TEXT,
    "image": IMAGE,
}
LETTERED = {
    "id": INT,
    "image": IMAGE,
    "question": TEXT,
    **{f"option{n}": TEXT for n in range(4)},
    "correct_choice": TEXT,
}
MMBENCH = {
    "index": INT,
    **dict.fromkeys(("question", "hint", "answer", "A", "B", "C", "D", "category"), TEXT),
    "image": IMAGE,
    **dict.fromkeys(("source", "L2-category", "comment", "split"), TEXT),
}
MMMU = {
    **dict.fromkeys(("id", "question", "options", "explanation"), TEXT),
    **{f"image_{n}": IMAGE for n in range(1, 8)},
    **dict.fromkeys(("img_type", "answer", "topic_difficulty", "question_type", "subfield"), TEXT),
}
MATHVISTA = {
    **dict.fromkeys(("pid", "question", "image"), TEXT),
    "decoded_image": IMAGE,
    "choices": TEXTS,
    "unit": TEXT,
    "precision": "float64",
    **dict.fromkeys(("answer", "question_type", "answer_type"), TEXT),
    "metadata": {**dict.fromkeys(("category", "language", "source", "split", "task"), TEXT), "skills": TEXTS},
    "query": TEXT,
}
GQA = {
    **dict.fromkeys(("id", "imageId", "question", "answer", "fullAnswer"), TEXT),
    "isBalanced": "bool",
    "groups": {"global": TEXT, "local": TEXT},
    "entailed": TEXT,
    "equivalent": TEXT,
    "types": dict.fromkeys(("structural", "semantic", "detailed"), TEXT),
    "annotations": TEXT,
    "semantic": [{"operation": TEXT, "argument": TEXT, "dependencies": ["int32"]}],
    "semanticStr": TEXT,
}
SCIENCEQA = {
    "image": IMAGE,
    "question": TEXT,
    "choices": TEXTS,
    "answer": "int8",
    **dict.fromkeys(("hint", "task", "grade", "subject", "topic", "category", "skill", "lecture", "solution"), TEXT),
}
SEED = {
    **dict.fromkeys(("answer", "choice_a", "choice_b", "choice_c", "choice_d", "data_id", "data_type"), TEXT),
    **dict.fromkeys(("question", "question_id"), TEXT),
    "question_type_id": "int16",
    "image": IMAGES,
    "segment": ["int64"],
}
NOCAPS = {
    "image": IMAGE,
    **dict.fromkeys(("image_coco_url", "image_date_captured", "image_file_name"), TEXT),
    **dict.fromkeys(("image_height", "image_width", "image_id"), "int32"),
    "image_license": "int8",
    "image_open_images_id": TEXT,
    "annotations_ids": ["int32"],
    "annotations_captions": TEXTS,
}
KARPATHY = {
    "image": IMAGE,
    "filepath": TEXT,
    "sentids": ["int32"],
    "filename": TEXT,
    "imgid": "int32",
    "split": TEXT,
    "sentences_tokens": [TEXTS],
    "sentences_raw": TEXTS,
    "sentences_sentid": ["int32"],
    "cocoid": "int32",
    "th_sentences_raw": TEXTS,
}
FLICKR = {"image": IMAGE, "caption": TEXTS, "sentids": TEXTS, **dict.fromkeys(("split", "img_id", "filename"), TEXT)}
HALLUSION = {
    **dict.fromkeys(("category", "subcategory", "visual_input", "set_id", "figure_id", "sample_note"), TEXT),
    **dict.fromkeys(("question_id", "question", "gt_answer_details", "gt_answer", "filename"), TEXT),
    "image": IMAGE,
}
LLAVA_BENCH = dict.fromkeys(("question_id", "question", "caption", "gpt_answer", "category", "image_id"), TEXT)
TEXTVQA = {
    "image_id": TEXT,
    "question_id": "int32",
    "question": TEXT,
    "question_tokens": TEXTS,
    "image": IMAGE,
    **dict.fromkeys(("image_width", "image_height"), "int32"),
    **dict.fromkeys(("flickr_original_url", "flickr_300k_url", "set_name"), TEXT),
    **dict.fromkeys(("answers", "image_classes", "ocr_tokens"), TEXTS),
}
MUIRBENCH = {
    **dict.fromkeys(("idx", "task", "image_relation", "image_type", "question"), TEXT),
    "options": TEXTS,
    "answer": TEXT,
    "image_list": IMAGES,
    "counterpart_idx": TEXT,
}
VIZWIZ = {"question_id": TEXT, "image": IMAGE, "question": TEXT, "answers": TEXTS, "category": TEXT}
MME = {"question_id": TEXT, "image": IMAGE, **dict.fromkeys(("question", "answer", "category"), TEXT)}
POPE = dict.fromkeys(("id", "question_id", "question", "answer", "image_source", "category"), TEXT) | {"image": IMAGE}
OKVQA = {
    "question_id": TEXT,
    "image": IMAGE,
    "question": TEXT,
    "answers": TEXTS,
    "question_type": TEXT,
    "answer_type": TEXT,
}
MMVET = {
    "question_id": TEXT,
    "image": IMAGE,
    **dict.fromkeys(("question", "answer", "image_source", "capability"), TEXT),
}
AMBER = {"image": IMAGE, "id": "int32", "query": TEXT, "type": TEXT, "truth": TEXT}

TEN = ["a cat"] * 10
CHOICES = {"A": "one", "B": "two", "C": "nan", "D": "nan", "hint": "nan"}
OPTIONS = {"option0": "Sky", "option1": "River", "option2": "Trees", "option3": "N/A", "correct_choice": "B"}

# task -> (columns, what is not filled at random, the sample's id and reference)
CARDS = {
    "vqav2": (
        VQA,
        {"question_id": 7, "answers": [{"answer": a, "answer_id": n} for n, a in enumerate(TEN, 1)]},
        ("7", tuple(TEN)),
    ),
    "vqav2_testdev": (VQA, {"question_id": 7, "answers": None, "question_type": None, "answer_type": None}, ("7", ())),
    "gqa": (GQA, {"id": "201", "imageId": "n5", "answer": "yes", "entailed": "['202']"}, ("201", ("yes",))),
    "vizwiz": (VIZWIZ, {"question_id": "VizWiz_val_0", "answers": TEN}, ("VizWiz_val_0.jpg", tuple(TEN))),
    "vizwiz_test": (VIZWIZ, {"question_id": "VizWiz_test_0", "answers": None}, ("VizWiz_test_0.jpg", ())),
    "scienceqa": (SCIENCEQA, {"choices": ["fern", "dog"], "answer": 1}, ("0", ("B",))),
    "mmbench_en": (
        MMBENCH | {"index": TEXT},
        CHOICES | {"index": "241", "answer": "A", "split": "dev"},
        ("241", ("A",)),
    ),
    "mmbench_cn": (MMBENCH, CHOICES | {"index": 241, "answer": "A", "split": "dev"}, ("241", ("A",))),
    "mmbench_en_test": (
        MMBENCH | {"index": TEXT},
        CHOICES | {"index": "5", "answer": "nan", "split": "test"},
        ("5", ()),
    ),
    "mmbench_cn_test": (MMBENCH, CHOICES | {"index": 5, "answer": "nan", "split": "test"}, ("5", ())),
    "mme": (
        MME,
        {"question_id": "artwork/1.jpg", "answer": "Yes", "category": "artwork"},
        ("artwork/1.jpg#0", ("Yes",)),
    ),
    "seed": (SEED, {"question_id": "101", "question_type_id": 1, "data_type": "image", "answer": "C"}, ("101", ("C",))),
    "pope": (POPE, {"question_id": "1", "answer": "yes", "category": "random"}, ("0", ("yes",))),
    "okvqa": (OKVQA, {"question_id": "2971475", "answers": TEN}, ("2971475", tuple(TEN))),
    "textvqa": (TEXTVQA, {"question_id": 34602, "answers": TEN}, ("34602", tuple(TEN))),
    "textvqa_ocr": (TEXTVQA, {"question_id": 34602, "answers": TEN}, ("34602", tuple(TEN))),
    "mmmu": (MMMU, {"id": "validation_Art_1", "options": "['x', 'y']", "answer": "B"}, ("validation_Art_1", ("B",))),
    "mmmu_test": (MMMU, {"id": "test_Art_1", "options": "['x', 'y']", "answer": "?"}, ("test_Art_1", ())),
    "muirbench": (MUIRBENCH, {"idx": "3", "options": ["x", "y"], "answer": "B"}, ("3", ("B",))),
    "mathvista": (
        MATHVISTA,
        {"pid": "1", "question_type": "free_form", "answer_type": "integer", "choices": None, "answer": "4"},
        ("1", ("4",)),
    ),
    "mathvista_test": (
        MATHVISTA,
        {"pid": "9", "question_type": "multi_choice", "answer_type": "text", "choices": ["x", "y"], "answer": ""},
        ("9", ()),
    ),
    "qbench": (LETTERED | {"question_type": INT, "question_concern": INT}, OPTIONS, ("0", ("B",))),
    "abench": (LETTERED | {"category": TEXT}, OPTIONS | {"id": 4}, ("4", ("B",))),
    "hallusionbench": (
        HALLUSION,
        {
            "gt_answer": "1",
            "category": "VS",
            "subcategory": "chart",
            "set_id": "0",
            "figure_id": "1",
            "question_id": "2",
        },
        ("VS_chart_0_1_2", ("yes",)),
    ),
    "mmvet": (MMVET, {"question_id": "v1_0"}, ("v1_0", ())),
    "llava_bench": (LLAVA_BENCH | {"image": IMAGE}, {"question_id": "0"}, ("0", ())),
    "amber_discriminative": (
        AMBER,
        {"id": 1005, "type": "discriminative-attribute-state", "truth": "no"},
        ("1005", ("no",)),
    ),
    "coco_caption": (KARPATHY, {"cocoid": 42, "split": "test", "sentences_raw": ["A cat."]}, ("42", ("A cat.",))),
    "flickr30k": (FLICKR, {"img_id": "67", "split": "test", "caption": ["A cat."]}, ("67", ("A cat.",))),
    "nocaps": (NOCAPS, {"image_id": 0, "annotations_captions": ["A cat."]}, ("0", ("A cat.",))),
}
EMMAS = {"mmmu_pasted", "muirbench_pasted", "mathvista_emma", "mmbench_en_emma", "mmbench_cn_emma"}
SAME_ROWS = {"seed_image", "seed_video", *EMMAS}


def feature(kind):
    """The type of a column."""
    if isinstance(kind, dict):
        return {name: feature(inner) for name, inner in kind.items()}
    if isinstance(kind, list):
        return datasets.List(feature(kind[0]))
    return datasets.Image() if kind == IMAGE else datasets.Value(kind)


def anything(kind):
    """Some value of a type."""
    if isinstance(kind, dict):
        return {name: anything(inner) for name, inner in kind.items()}
    if isinstance(kind, list):
        return [anything(kind[0])]
    return {IMAGE: make_image(SHADE), TEXT: "x", "bool": True, "float64": 1.0}.get(kind, 1)


def write_config(folder, name, split, columns, values):
    row = {column: values[column] if column in values else anything(kind) for column, kind in columns.items()}
    features = datasets.Features({column: feature(kind) for column, kind in columns.items()})
    if isinstance(row.get("answers"), list) and isinstance(row["answers"][0], dict):
        row["answers"] = [{"answer_confidence": "yes"} | answer for answer in row["answers"]]
    table = datasets.Dataset.from_dict({column: [cell] for column, cell in row.items()}, features=features)
    (folder / name).mkdir(parents=True)
    table.to_parquet(folder / name / f"{split}-00000-of-00001.parquet")
    return f"- {{config_name: {name}, data_files: [{{split: {split}, path: {name}/{split}-*}}]}}"


def test_every_task_with_rows_on_the_hub_has_its_columns_here():
    tasks = map(load_task, task_names())
    assert {task.name for task in tasks if task.hub and task.hub.split} == {*CARDS, *SAME_ROWS}


@pytest.mark.parametrize("name", CARDS)
def test_a_row_in_the_published_columns_becomes_a_sample(name, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    columns, values, (sample_id, reference) = CARDS[name]
    task = load_task(name)
    lines = [write_config(tmp_path / "hub", task.hub.config or "default", task.hub.split, columns, values)]
    if task.hub.images:
        images = {"id": TEXT, "image": IMAGE}
        lines.append(write_config(tmp_path / "hub", task.hub.images.config, task.hub.split, images, {"id": "n5"}))
    (tmp_path / "hub" / "README.md").write_text("\n".join(["---", "configs:", *lines, "---", ""]))
    hub = task.hub.model_copy(update={"id": str(tmp_path / "hub"), "revision": None})
    (sample,) = load_samples(task.model_copy(update={"hub": hub}), allow_partial=True)

    assert (sample.id, sample.references) == (sample_id, reference)
    assert sample.images
    for image in sample.images:
        shown = image.open()
        assert isinstance(shown, Image.Image)
        assert shown.getpixel((0, 0)) == make_image(SHADE).getpixel((0, 0))


def test_pinned_revisions_are_whole_commits():
    pinned = [task.hub.revision for task in map(load_task, task_names()) if task.hub and task.hub.revision]
    assert len(pinned) >= 30
    assert all(len(revision) == 40 and set(revision) <= set("0123456789abcdef") for revision in pinned)
