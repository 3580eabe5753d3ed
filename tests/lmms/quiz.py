"""A task written for lmms-eval, as texts, and its images."""

from io import BytesIO

from tests.fakes import make_image

YAML = """\
task: {name}
dataset_path: parquet
dataset_kwargs: {{data_files: {{test: {folder}/rows.parquet}}}}
test_split: test
doc_to_visual: !function utils.doc_to_visual
doc_to_text: !function utils.doc_to_text
doc_to_target: answer
"""
SCORING = """\
generation_kwargs: {max_new_tokens: 5, temperature: 0}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""
UTILS = """\
def doc_to_visual(doc):
    return [doc["image"].convert("RGB")]

def doc_to_text(doc):
    return doc["question"] + "\\nAnswer in a word."

def process_results(doc, results):
    return {"hits": {"score": float(results[0] == doc["answer"]), "id": doc["question"]}, "named": results[0]}

def total(items):
    return 100 * sum(item["score"] for item in items)

def names(items):
    return ", ".join(items)
"""


def png(seed: int) -> bytes:
    data = BytesIO()
    make_image(seed=seed).save(data, "PNG")
    return data.getvalue()
