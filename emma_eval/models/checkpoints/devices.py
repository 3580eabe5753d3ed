"""The device and the precision that a model is loaded in, by the options `--device` and `--dtype`."""

from __future__ import annotations

import torch

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.dtypes import DTYPE_NAMES, check_dtype
from emma_eval.utils.text import first_error_line

CPU_BATCH_TOKENS = 8192  # of a batch on a CPU; larger ones were no faster on 2 cores
DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in DTYPE_NAMES}


def choose_device(name: str | None) -> torch.device:
    """The device of this name; for None or `auto` a GPU if there is one. Raises UserError if it does not work."""
    if name in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(str(name))
    except RuntimeError as error:
        raise UserError(f"--device: there is no device {name!r}; cpu, cuda, cuda:1 or mps, for example") from error
    try:
        torch.empty(0, device=device).cpu()  # fails for `meta` too, whose tensors hold nothing
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device: {name!r} is not available here: {first_error_line(error)}") from error
    return device


def choose_dtype(name: str | None, device: torch.device, stored: str) -> torch.dtype:
    """The precision that `--dtype` names. Raises UserError for an unknown name.

    For None or `auto` it is float32 on a CPU. On a GPU it is half precision: float16 for weights stored as such, else
    bfloat16. `stored` is the precision of the weights as the checkpoint names it.
    """
    if name in (None, "auto"):
        if device.type == "cpu":
            return torch.float32
        return torch.float16 if stored == "float16" else torch.bfloat16
    check_dtype(name)
    return DTYPES[str(name)]


def prepare_device(device: torch.device, dtype: torch.dtype) -> None:
    """Set PyTorch's global switches for a GPU; on other devices do nothing."""
    if device.type != "cuda":
        return
    if device.index is not None:
        torch.cuda.set_device(device)  # streams and CUDA graphs are made on the current device
    torch.backends.cuda.enable_cudnn_sdp(False)  # it compiles a plan for every new shape, and ours change all the time
    if dtype is torch.float32:
        torch.backends.cudnn.allow_tf32 = False  # by default convolutions keep 10 of float32's 23 bits of mantissa
