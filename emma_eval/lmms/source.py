"""Tasks of lmms-eval as tasks of this program, named `lmms:NAME`: prompts, images and references by its own functions.

The question is lmms-eval's context: `description`, few-shot examples, `doc_to_text`. See `placement` for its images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emma_eval.errors import UserError
from emma_eval.lmms.definition import LmmsTask, group_members, load_definition
from emma_eval.lmms.installed import lmms_version
from emma_eval.lmms.placement import OWN_FAMILIES, OWN_PROMPT, PROMPTS
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.reader import Reader
from emma_eval.tasks.sections import DecodingConfig, ExpectedConfig, ScorerConfig, WordingConfig
from emma_eval.tasks.sources import include_paths
from emma_eval.types import Sample
from emma_eval.utils.text import error_message

PREFIX = "lmms"


class LmmsSource:
    """The `TaskSource` behind the prefix `lmms:`."""

    def expand(self, name: str) -> Sequence[str]:
        """The task itself, or the tasks of lmms-eval's group or tag."""
        return group_members(name, include_paths())

    def load(self, name: str) -> TaskConfig:
        """The task, its data loaded. Its protocol is named by lmms-eval's version, its scorer keeps the definition."""
        lmms_task = load_definition(name, include_paths())
        decoding = DecodingConfig(max_new_tokens=lmms_task.decoding.max_new_tokens)
        full_name, version = f"{PREFIX}:{name}", f"lmms-eval {lmms_version()}"
        scorer = ScorerConfig.model_validate({"scorer": "lmms", "definition": lmms_task.definition})
        return TaskConfig(
            name=full_name,
            title=full_name,
            benchmark=full_name,
            split=lmms_task.split,
            reader=full_name,
            prompt=OWN_PROMPT,
            generation=decoding,
            wording=OWN_FAMILIES,
            wordings={
                family: WordingConfig(prompt=prompt, generation=decoding, published=False, source="lmms-eval's words")
                for family, prompt in PROMPTS.items()
            },
            metric=primary_metric(lmms_task),
            protocol=version,
            protocols={version: scorer},
            expected=ExpectedConfig(samples=(len(lmms_task.task.eval_docs_no_media),)),
        )

    def reader(self, name: str) -> Reader:
        """What gives the task's documents as Samples."""
        lmms_task = load_definition(name, include_paths())
        return Reader(read_files=lambda _: read_documents(lmms_task), digests=lambda: lmms_task.data)


SOURCE = LmmsSource()


def primary_metric(lmms_task: LmmsTask) -> str:
    """The first metric of the task's list. Raises UserError for a task without one."""
    metrics = list(lmms_task.task.aggregation())
    if not metrics:
        raise UserError(f"task lmms:{lmms_task.name} has no metric that lmms-eval aggregates")
    return str(metrics[0])


def read_documents(lmms_task: LmmsTask) -> list[Sample]:
    """A Sample for each document; its id is the document's number from 0, lmms-eval's `doc_id`."""
    return [_sample(lmms_task, index, doc) for index, doc in enumerate(lmms_task.task.eval_docs_no_media)]


def _sample(lmms_task: LmmsTask, index: int, doc: Any) -> Sample:
    task, label = lmms_task.task, f"task lmms:{lmms_task.name}, document {index}"
    try:
        context = task.fewshot_context(doc, task.config.num_fewshot or 0)
        target = task.doc_to_target(doc)
    except Exception as error:  # a task's own functions may raise anything
        raise UserError(f"{label}: doc_to_text or doc_to_target fails: {error_message(error)}") from error
    if not isinstance(context, str):
        raise UserError(f"{label}: doc_to_text gives {type(context).__name__} in place of a text")
    targets = target if isinstance(target, list | tuple) and target else [target]
    return Sample(
        id=str(index),
        question=context,
        images=lmms_task.documents.images(index, task.doc_to_visual),
        references=tuple(map(str, targets)),
        meta={"lmms_task": lmms_task},
    )
