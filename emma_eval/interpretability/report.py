"""Everything that `params` says of a model, as it prints it and writes it to JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.interpretability.architecture import build_skeleton
from emma_eval.interpretability.latency import Latency, measure_latency
from emma_eval.interpretability.operations import SampleWork, sample_work
from emma_eval.interpretability.parameters import ParameterCounts, count_parameters
from emma_eval.interpretability.stored import check_weights
from emma_eval.models.checkpoints.folders import BUILT_IN, HUB_NAME, model_folder
from emma_eval.models.checkpoints.paths import expand_user, is_folder
from emma_eval.models.emma.model import EmmaModel
from emma_eval.registry import entries
from emma_eval.reports.published import load_published
from emma_eval.utils.hub import offline
from emma_eval.utils.records import Record

NOT_COUNTED = ("brave",)  # models of results/published.yaml with an adaptation, whose code is not published

BUILT_IN_NOTE = "trained here, in the same two stages; towers and language model before them (docs/mini.md)"


class ModelReport(Record):
    """A model's parameters, and what a prompt costs."""

    name: str
    folder: str
    notes: tuple[str, ...]
    parameters: int  # of the checkpoint, in all
    computed: int  # of these, those that an answer depends on
    pretrained: int | None  # those that the authors trained in pretraining; None where they do not state it
    fine_tuned: int  # and in fine-tuning
    counts: ParameterCounts
    work: SampleWork
    latency: Latency | None = None  # where it was asked for, of EMMA


class ParamsReport(Record):
    """The JSON file."""

    schema_version: int = 1
    models: tuple[ModelReport, ...]
    published: tuple[str, ...]  # of models that are not counted here


@dataclass(frozen=True, slots=True)
class ParamsSettings:
    """What is asked of every model."""

    text_tokens: int  # of a prompt
    images: int
    dtype: str | None = None  # None: the one that the checkpoint is stored in
    latency_repeats: int = 0  # 0: nothing is timed
    device: str | None = None


def report_model(source: str, settings: ParamsSettings) -> ModelReport:
    """Count a model by its configuration, and time its alignment if that is asked for.

    `source` is a built-in name, a folder or the name of a hub repository that is on this machine. Raises UserError for
    anything else and for a configuration that is not computed here.
    """
    folder = config_folder(source)
    is_name = source in BUILT_IN or not is_folder(expand_user(source))
    skeleton = build_skeleton(folder)
    counts = count_parameters(skeleton)
    notes = [*skeleton.notes, BUILT_IN_NOTE if source in BUILT_IN else ""]
    if skeleton.as_stored:
        notes.append(check_weights(skeleton.model, folder))
    model, dtype = skeleton.model, settings.dtype
    work = sample_work(model, settings.text_tokens, settings.images, dtype or skeleton.dtype)
    latency = None
    if settings.latency_repeats and isinstance(model, EmmaModel):
        latency = measure_latency(model, settings.device, dtype, skeleton.dtype, settings.latency_repeats)
    if settings.latency_repeats and latency is None:
        notes.append("no latency: it has no alignment module beside its projector to be timed")
    return ModelReport(
        name=source if is_name else folder.resolve().name,
        folder=str(folder.absolute()),
        notes=tuple(filter(None, notes)),
        parameters=counts.total(),
        computed=counts.computed,
        pretrained=counts.pretrained,
        fine_tuned=counts.fine_tuned,
        counts=counts,
        work=work,
        latency=latency,
    )


def config_folder(source: str) -> Path:
    """The folder with a model's config.json; nothing is downloaded. Raises UserError if there is none."""
    name = source.partition(":")[0]
    if name in entries("models") and name not in BUILT_IN and not is_folder(expand_user(source)):
        raise UserError(
            f"{source}: only models whose modules are of this program can be counted: a built-in name, or a folder of "
            "EMMA, LLaVA or mPLUG-Owl2"
        )
    try:
        with offline():
            return model_folder(source)
    except UserError as error:
        if HUB_NAME.fullmatch(source) and not is_folder(expand_user(source)):
            raise UserError(
                f"{source} is not on this machine, and nothing is downloaded to count it: give a folder with its "
                "config.json (its weights are not needed)"
            ) from error
        raise


def published_adaptations() -> Iterator[str]:
    """What is published of models with an adaptation that cannot be counted here."""
    published = load_published()
    papers = {model.id: (model.model_extra or {}).get("paper", "") for model in published.models}
    for row in published.paper.rows:
        if row.id in NOT_COUNTED:
            adaptation, params = (f"{fact.text} ({fact.note})" for fact in (row.adaptation, row.params))
            source = f"{papers[row.id]}, in results/published.yaml"
            yield f"{row.name}, as published, not counted here: adaptation {adaptation}; model {params}; {source}"
