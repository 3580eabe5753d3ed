"""Exact counts of parameters by part, which of them the authors trained, and what the adaptation adds to its base."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import nn

from emma_eval.interpretability.architecture import Skeleton, num_parameters
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.llama.modality import ByModality
from emma_eval.models.llama.model import Llama
from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
from emma_eval.utils.records import Record

Trained = Literal["no", "yes"]
Group = Literal["vision", "text", "adaptation", "connector", "language model"]

EMMA_SOURCE = (
    "EMMA's llava/train/train.py and clip_encoder.py at 899b6ae: pretraining tunes projector and alignment, "
    "fine-tuning the language model too; the towers are frozen"
)
EMMA_V3_SOURCE = (
    "EMMA's llava/train/train.py and clip_encoder.py at 899b6ae: pretraining tunes projector and alignment; where "
    "fine-tuning (of v3) loads them, projection and infusion are frozen and the learnable tokens go on; the towers are "
    "frozen"
)
LLAVA_SOURCE = (
    "arXiv 2310.03744 and LLaVA's llava/train/train.py: pretraining tunes the projector, fine-tuning the language "
    "model too; the tower is frozen"
)
OWL2_SOURCE = (
    "arXiv 2311.04257: pretraining tunes vision model, abstractor and a part (which is not stated) of the "
    "modality-adaptive module, fine-tuning the whole model"
)


class Part(Record):
    """A part of a model."""

    name: str
    group: Group
    checkpoint: int  # parameters that the checkpoint (and the CLIP that it names) has of it
    computed: int  # those that an answer depends on: a tower is computed up to the layer that is selected
    pretraining: Trained | Literal["in part"] = "no"  # whether the authors trained it in the first stage
    fine_tuning: Trained = "no"  # and in the second


class Adaptation(Record):
    """What the adaptation of modalities adds."""

    what: str
    parameters: int
    base: str
    base_parameters: int
    share: float  # of the base


class ParameterCounts(Record):
    """A model's parameters."""

    architecture: str
    parts: tuple[Part, ...]
    adaptation: tuple[Adaptation, ...]
    training_source: str

    def total(self, group: Group | None = None) -> int:
        """Parameters of the checkpoint: all, or those of a group."""
        return sum(part.checkpoint for part in self.parts if group in (None, part.group))

    @property
    def computed(self) -> int:
        """Parameters that an answer depends on."""
        return sum(part.computed for part in self.parts)

    @property
    def pretrained(self) -> int | None:
        """Parameters that the authors trained in pretraining; None where they do not state which."""
        if any(part.pretraining == "in part" for part in self.parts):
            return None
        return sum(part.checkpoint for part in self.parts if part.pretraining == "yes")

    @property
    def fine_tuned(self) -> int:
        """Parameters that the authors trained in fine-tuning."""
        return sum(part.checkpoint for part in self.parts if part.fine_tuning == "yes")


def count_parameters(skeleton: Skeleton) -> ParameterCounts:
    """The parameters of a model, by the modules that compute it."""
    model = skeleton.model
    return _of_mplug_owl2(model) if isinstance(model, MPlugOwl2Model) else _of_emma(model, skeleton)


def _of_emma(model: EmmaModel, skeleton: Skeleton) -> ParameterCounts:
    config = model.config
    parts = [*_tower_parts(model, skeleton), *(_alignment_parts(model.alignment) if model.alignment else ())]
    parts.append(_part("projector", "connector", num_parameters(model.projector), "yes", "yes"))
    parts += [_part(name, "language model", number, "no", "yes") for name, number in _llama_parts(model.llama)]
    name = f"EMMA {config.alignment.encoder_version}" if config.alignment else "LLaVA-1.5"
    counts = ParameterCounts(
        architecture=f"{name}, {model.llama.config.family}",
        parts=tuple(parts),
        adaptation=(),
        training_source=LLAVA_SOURCE,
    )
    if model.alignment is None:
        return counts
    added, text = counts.total("adaptation"), counts.total("text")
    base = counts.total() - added - text
    adaptation = (
        _adaptation("alignment", added, "LLaVA without it", base),
        _adaptation("alignment and frozen text tower", added + text, "LLaVA without them", base),
    )
    source = EMMA_SOURCE if model.alignment.learnable_tokens is None else EMMA_V3_SOURCE
    return counts.model_copy(update={"adaptation": adaptation, "training_source": source})


def _tower_parts(model: EmmaModel, skeleton: Skeleton) -> Iterator[Part]:
    """CLIP's towers: whole in the checkpoint, computed up to the selected layers."""
    assert isinstance(model.towers, nn.Module)
    vision = num_parameters(model.towers.get_submodule("vision"))
    tuned: Trained = "yes" if model.config.llava.unfreeze_mm_vision_tower else "no"
    yield Part(
        name="vision tower", group="vision", checkpoint=skeleton.whole_vision, computed=vision, fine_tuning=tuned
    )
    if model.alignment is not None:
        text = num_parameters(model.towers.get_submodule("text"))
        yield Part(name="text tower", group="text", checkpoint=skeleton.whole_text, computed=text)


def _alignment_parts(alignment: Alignment) -> Iterator[Part]:
    """Version 3 has learnable tokens, and fine-tuning freezes its two linear layers; see EMMA_V3_SOURCE."""
    tokens = alignment.learnable_tokens
    tuned: Trained = "yes" if tokens is None else "no"
    yield _part("text projection", "adaptation", num_parameters(alignment.text_projection), "yes", tuned)
    yield _part("infusion W", "adaptation", num_parameters(alignment.image_text_infusion), "yes", tuned)
    if tokens is not None:
        yield _part("learnable tokens", "adaptation", tokens.numel(), "yes", "yes")


def _of_mplug_owl2(model: MPlugOwl2Model) -> ParameterCounts:
    image_side = sum(num_parameters(module.image) for module in _by_modality(model.llama))
    shared = dict(_llama_parts(model.llama))
    shared["layers"] -= image_side
    parts = [
        _part("vision model", "vision", num_parameters(model.vision), "yes", "yes"),
        _part("visual abstractor", "connector", num_parameters(model.abstractor), "yes", "yes"),
        *(_part(name, "language model", number, "no", "yes") for name, number in shared.items()),
        _part("modality adaptation", "adaptation", image_side, "in part", "yes"),
    ]
    llm = sum(shared.values())
    total = sum(part.checkpoint for part in parts)
    what = "norms, keys and values of image tokens"
    return ParameterCounts(
        architecture="mPLUG-Owl2, LLaMA",
        parts=tuple(parts),
        adaptation=(
            _adaptation(what, image_side, "its language model", llm),
            _adaptation(what, image_side, "the whole model", total),
        ),
        training_source=OWL2_SOURCE,
    )


def _llama_parts(llama: Llama) -> Iterator[tuple[str, int]]:
    yield "embeddings", num_parameters(llama.embed_tokens)
    yield "layers", num_parameters(llama.layers)
    yield "final norm", num_parameters(llama.norm)
    yield "head", 0 if llama.config.tie_word_embeddings else num_parameters(llama.lm_head)  # tied: the embeddings


def _by_modality(llama: Llama) -> Iterator[ByModality]:
    return (module for module in llama.modules() if isinstance(module, ByModality))


def _part(
    name: str, group: Group, number: int, pretraining: Trained | Literal["in part"], fine_tuning: Trained
) -> Part:
    """A part all of which is computed."""
    return Part(
        name=name,
        group=group,
        checkpoint=number,
        computed=number,
        pretraining=pretraining,
        fine_tuning=fine_tuning,
    )


def _adaptation(what: str, parameters: int, base: str, base_parameters: int) -> Adaptation:
    share = parameters / base_parameters
    return Adaptation(what=what, parameters=parameters, base=base, base_parameters=base_parameters, share=share)
