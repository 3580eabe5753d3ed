"""Whether a checkpoint's weights are of the sizes that its configuration says; of safetensors the headers are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import nn

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.folders import weight_files
from emma_eval.models.checkpoints.names import PROJECTOR_PREFIX, with_plain_names
from emma_eval.models.checkpoints.state_dict import read_tensors
from emma_eval.models.checkpoints.unsupported import WHOLE_WEIGHTS
from emma_eval.models.emma.description import read_tower_file
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.llama.weights import LM_HEAD, stored_names
from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
from emma_eval.models.mplug_owl2.weights import abstractor_names, vision_names

Expected = tuple[str, tuple[str, ...], int]  # our parameter, the stored tensors it is made of, its size


def check_weights(model: EmmaModel | MPlugOwl2Model, folder: Path) -> str:
    """A note on which parts were found in the folder's weights as counted; empty for a folder without weights.

    Raises UserError for a tensor that is missing or of another size, and for files that cannot be read.
    """
    if not any(next(folder.glob(pattern), None) for pattern in WHOLE_WEIGHTS):
        return ""
    sizes = _stored_sizes(weight_files(folder))
    _compare(list(_expected(model)), sizes, folder)
    tower_file = folder / "vision_tower.bin"
    if not isinstance(model, EmmaModel):
        return "the weights are of the sizes that are counted"
    if model.alignment is None:
        return "language model and projector in the weights are of the sizes that are counted"
    if not tower_file.is_file():
        return "language model and projector in the weights are of the sizes that are counted; there is no " + (
            "vision_tower.bin, so that the alignment is counted by config.json"
        )
    stored = {name: tensor.numel() for name, tensor in read_tower_file(tower_file).items()}
    alignment = [(name, (name,), value.numel()) for name, value in model.alignment.named_parameters()]
    known = [one for one in alignment if one[0] != "learnable_tokens" or one[0] in stored]  # else they start at zero
    _compare(known, stored, tower_file)
    return "language model, projector and alignment in the weights are of the sizes that are counted"


def _expected(model: EmmaModel | MPlugOwl2Model) -> Iterator[Expected]:
    for name, value in model.llama.named_parameters():
        names = stored_names(name)
        if names != (LM_HEAD,) or not model.llama.config.tie_word_embeddings:
            yield name, names, value.numel()
    if isinstance(model, EmmaModel):
        projector: nn.Module = model.projector
        yield from ((name, (PROJECTOR_PREFIX + name,), value.numel()) for name, value in projector.named_parameters())
        return
    yield from ((name, vision_names(name), value.numel()) for name, value in model.vision.named_parameters())
    yield from ((name, abstractor_names(name), value.numel()) for name, value in model.abstractor.named_parameters())


def _compare(expected: Iterable[Expected], sizes: Mapping[str, int], source: Path) -> None:
    for _, names, number in expected:
        if missing := next((name for name in names if name not in sizes), None):
            raise UserError(f"{source}: tensor {missing} is missing, so that the weights are not of this config.json")
        if (stored := sum(sizes[name] for name in names)) != number:
            raise UserError(
                f"{source}: {' and '.join(names)} has {stored:,} numbers, but {number:,} by config.json; one "
                "of them is another model's"
            )


def _stored_sizes(files: Iterable[Path]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for path in files:
        if path.suffix != ".safetensors":
            sizes |= {name: tensor.numel() for name, tensor in read_tensors([path]).items()}
            continue
        try:
            with safe_open(path, "pt") as file:
                shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - no mapping
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path} is not a readable file of weights: truncated or corrupt") from error
        sizes |= {name: math.prod(shape) for name, shape in with_plain_names(shapes, path).items()}
    return sizes
