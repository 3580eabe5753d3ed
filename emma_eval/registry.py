"""One table from names to code: readers, scorers, models, architectures, submission formats, judges, loggers, ...

`SHIPPED` is what comes with this package, name -> `module:attribute`; nothing is imported until it is used. Another
package adds readers, scorers, models, architectures and loggers by entry points in a group of that kind:

    [project.entry-points."emma_eval.scorers"]
    my_metric = "my_package.scoring:my_metric"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module, metadata
from typing import Any, Literal, TypeVar

from emma_eval.errors import MissingToolError, UserError
from emma_eval.utils.text import error_message

Kind = Literal[
    "readers",
    "scorers",
    "models",
    "architectures",
    "submissions",
    "judges",
    "suites",
    "task_sources",
    "loggers",
    "variants",
]
PLUGIN_KINDS: tuple[Kind, ...] = ("readers", "scorers", "models", "architectures", "loggers")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

SHIPPED: Mapping[Kind, Mapping[str, str]] = {
    "readers": {
        "amber_json": "emma_eval.data.readers.amber_json:READER",
        "amber_objects": "emma_eval.data.readers.amber_json:OBJECTS_READER",
        "captions_json": "emma_eval.data.readers.captions_json:READER",
        "easy_vqa": "emma_eval.data.readers.easy_vqa:READER",
        "foil_json": "emma_eval.data.readers.foil_json:READER",
        "gqa_json": "emma_eval.data.readers.gqa_json:READER",
        "mathvista_json": "emma_eval.data.readers.mathvista_json:READER",
        "mmbench_rows": "emma_eval.data.readers.mmbench_tsv:ROWS_READER",
        "mmbench_tsv": "emma_eval.data.readers.mmbench_tsv:READER",
        "mme_folder": "emma_eval.data.readers.mme_folder:READER",
        "pope_jsonl": "emma_eval.data.readers.pope_jsonl:READER",
        "scienceqa": "emma_eval.data.readers.scienceqa:READER",
        "seed_json": "emma_eval.data.readers.seed_json:READER",
        "table": "emma_eval.data.readers.table:reader_of",
        "textvqa_json": "emma_eval.data.readers.textvqa_json:READER",
        "vizwiz_json": "emma_eval.data.readers.vizwiz_json:READER",
        "vqa_json": "emma_eval.data.readers.vqa_json:READER",
    },
    "scorers": {
        "amber": "emma_eval.scorers.amber:amber",
        "amber_emma": "emma_eval.scorers.amber_emma:amber_emma",
        "amber_generative": "emma_eval.scorers.amber_generative:amber_generative",
        "captions": "emma_eval.scorers.captions:captions",
        "contains": "emma_eval.scorers.contains:contains",
        "exact": "emma_eval.scorers.exact:exact",
        "gqa": "emma_eval.scorers.gqa:gqa",
        "hallusionbench": "emma_eval.scorers.hallusionbench:hallusionbench",
        "judged": "emma_eval.scorers.judged:judged",
        "letters": "emma_eval.scorers.letters:letters",
        "lmms": "emma_eval.lmms.scorer:lmms",
        "mathvista": "emma_eval.scorers.mathvista:mathvista",
        "mmbench": "emma_eval.scorers.mmbench:mmbench",
        "mme": "emma_eval.scorers.mme:mme",
        "mmmu": "emma_eval.scorers.mmmu:mmmu",
        "pope": "emma_eval.scorers.pope:pope",
        "scienceqa": "emma_eval.scorers.scienceqa:scienceqa",
        "seed": "emma_eval.scorers.seed:seed",
        "vizwiz": "emma_eval.scorers.vizwiz:vizwiz",
        "vqa": "emma_eval.scorers.vqa:vqa",
        "vqa_m4c": "emma_eval.scorers.vqa:vqa_m4c",
    },
    "models": {
        "emma-mini": "emma_eval.models.checkpoints.folders:EMMA_MINI",  # a Path: a checkpoint folder
        "hf": "emma_eval.models.architectures:TRANSFORMERS",
        "llava-mini": "emma_eval.models.checkpoints.folders:LLAVA_MINI",
        "owl2-mini": "emma_eval.models.checkpoints.folders:OWL2_MINI",
        "openai": "emma_eval.inference.server_loading:SERVER",
    },
    "architectures": {  # by the model_type of a checkpoint's config.json
        "llava": "emma_eval.models.architectures:EMMA",
        "llava_hf": "emma_eval.models.architectures:CONVERTED",  # of model_type llava, told by its other files
        "llava_llama": "emma_eval.models.architectures:EMMA",
        "llava_mistral": "emma_eval.models.architectures:MISTRAL",
        "mplug_owl2": "emma_eval.models.architectures:MPLUG_OWL2",
        "mplug_owl2_1": "emma_eval.models.architectures:MPLUG_OWL2",  # which refuses it by name
    },
    "submissions": {
        "llava_bench": "emma_eval.predictions.submissions.llava_bench:llava_bench",
        "mathvista": "emma_eval.predictions.submissions.mathvista:mathvista",
        "mmbench": "emma_eval.predictions.submissions.mmbench:mmbench",
        "mmmu": "emma_eval.predictions.submissions.mmmu:mmmu",
        "mmvet": "emma_eval.predictions.submissions.mmvet:mmvet",
        "vizwiz": "emma_eval.predictions.submissions.vizwiz:vizwiz",
        "vqav2": "emma_eval.predictions.submissions.vqav2:vqav2",
    },
    "judges": {  # what a judge model is asked of a benchmark's answers
        "hallusionbench": "emma_eval.judges.hallusionbench:JUDGE",
        "llava_bench": "emma_eval.judges.llava_bench:JUDGE",
        "mathvista": "emma_eval.judges.mathvista:JUDGE",
        "mmbench": "emma_eval.judges.mmbench:JUDGE",
        "mmvet": "emma_eval.judges.mmvet:JUDGE",
    },
    "suites": {"mini": "emma_eval.mini.suite:suite_folder"},  # each writes its data set at the first call
    "task_sources": {"lmms": "emma_eval.lmms.source:SOURCE"},  # tasks of other tools, by the prefix of their names
    "loggers": {  # of finished runs, by KIND of --log KIND:NAME
        "mlflow": "emma_eval.loggers.mlflow:MlflowLogger",
        "tensorboard": "emma_eval.loggers.tensorboard:TensorboardLogger",
        "wandb": "emma_eval.loggers.wandb:WandbLogger",
    },
    "variants": {  # by the command that runs them: what a variant shows in place of a sample's images
        "ablate": "emma_eval.interpretability.shown_images:images_of_variant",
        "robustness": "emma_eval.robustness.shown_images:images_of_variant",
    },
}


def entries(kind: Kind) -> dict[str, str]:
    """Name -> `module:attribute` of all that is shipped and that packages register; nothing is imported.

    Raises UserError where a package registers a name that is taken.
    """
    places = dict(SHIPPED[kind])
    for point in _entry_points(kind) if kind in PLUGIN_KINDS else ():
        if point.name in places and places[point.name] != point.value:  # a package seen twice on the path is no clash
            raise UserError(
                f"the package {_package(point)} registers {point.value} as {point.group}: {point.name!r}, a name that "
                f"{places[point.name]} has; uninstall the package or rename the entry point"
            )
        places[point.name] = point.value
    return places


def import_object(place: str) -> Any:
    """The object at `module:attribute`. Raises UserError if another package's cannot be imported."""
    module, _, attribute = place.partition(":")
    try:
        target: Any = import_module(module)
        for name in attribute.split("."):
            target = getattr(target, name)
    except Exception as error:  # another package's module may raise anything
        if module.partition(".")[0] == __package__:
            raise
        raise UserError(f"the entry point {place} cannot be imported: {error_message(error)}") from error
    return target


def look_up(kind: Kind, name: str) -> Any:
    """The object that a name is registered for. Raises UserError if another package's cannot be imported."""
    return import_object(entries(kind)[name])


def needs(check: Callable[..., None]) -> Callable[[FunctionT], FunctionT]:
    """Decorate a function with a check of the tools that it needs; it raises UserError that says what to install.

    `require_tools` runs the check before any long work.
    """

    def marked(function: FunctionT) -> FunctionT:
        function.requirements = check  # type: ignore[attr-defined]
        return function

    return marked


def require_tools(kind: Kind, name: str, *about: Any) -> bool:
    """Run the check of a registered function, and return whether it has one. Raises MissingToolError."""
    check = getattr(look_up(kind, name), "requirements", None)
    if check is not None:
        try:
            check(*about)
        except UserError as error:
            raise MissingToolError(str(error)) from error
    return check is not None


@cache
def _entry_points(kind: Kind) -> tuple[metadata.EntryPoint, ...]:
    """The entry points of the installed packages; looked up once, which takes some milliseconds."""
    return tuple(metadata.entry_points(group=f"emma_eval.{kind}"))


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "?"
