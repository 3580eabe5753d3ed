"""Short ways to write samples, answers and to look a metric up."""

from emma_eval.types import Answer, Sample


def sample(id_="1", references="yes", /, **fields):
    """`references` is one answer or a tuple of them; other keywords are Sample fields or, if unknown, meta entries."""
    references = references if isinstance(references, tuple) else (references,)
    own = {name: fields.pop(name) for name in ("question", "options", "hint", "category") if name in fields}
    return Sample(id_, own.pop("question", "?"), references=references, meta=fields, **own)


def answered(*texts, first=1):
    """Answers to the samples "1", "2", ...; None leaves one out."""
    return {(str(i), 0): Answer(text) for i, text in enumerate(texts, first) if text is not None}


def value(scores, name="accuracy", group="", category=""):
    (found,) = [m.value for m in scores.metrics if (m.name, m.group, m.category) == (name, group, category)]
    return found


def names(scores):
    return {metric.name for metric in scores.metrics}
