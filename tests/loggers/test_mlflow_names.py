"""Names and texts as MLflow takes them; the package is not needed for this."""

from emma_eval.loggers.mlflow import flat, safe_keys


def test_keys_lose_what_mlflow_refuses_and_none_is_lost():
    assert safe_keys({"lmms:pope/f1": 1, "a,b": 2, "a;b": 3, "a_b": 4}) == {
        "lmms:pope/f1": 1,
        "a_b": 2,
        "a_b 2": 3,
        "a_b 3": 4,
    }


def test_names_of_files_hold_no_colon():
    assert list(safe_keys({"lmms:pope": 0, "lmms_pope": 0}, r"[^\w\-.]")) == ["lmms_pope", "lmms_pope 2"]


def test_nested_facts_become_texts_of_one_level():
    content = {"model": {"name": "m", "template": None, "options": {"half": True}}, "long": "x" * 1000, "empty": {}}
    assert flat(content) == {"model.name": "m", "model.options.half": "True", "long": "x" * 500}
