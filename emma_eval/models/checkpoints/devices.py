"""The device and the precision that a model is loaded in, by the options `--device` and `--dtype`."""

from __future__ import annotations

import torch

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.dtypes import DTYPE_NAMES, check_dtype
from emma_eval.utils.text import first_error_line

CPU_BATCH_TOKENS = 8192  # of a batch on a CPU; more was not faster on 2 cores
DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in DTYPE_NAMES}


def choose_device(name: str | None) -> torch.device:
    """The device of this name; for None or `auto` a GPU if there is one. Raises UserError if it is not to be had."""
    if name in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(str(name))
    except RuntimeError as error:
        raise UserError(f"--device: there is no device {name!r}; cpu, cuda, cuda:1 or mps, for example") from error
    try:
        torch.empty(0, device=device).cpu()  # fails for `meta` too, whose tensors hold nothing
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device: {name!r} is not to be had here: {first_error_line(error)}") from error
    return device


def choose_dtype(name: str | None, device: torch.device, stored: str) -> torch.dtype:
    """What `--dtype` names; by default float32 on a CPU and half precision, the stored one if it is, on a GPU.

    Raises UserError for an unknown name.
    """
    if name in (None, "auto"):
        if device.type == "cpu":
            return torch.float32
        return torch.float16 if stored == "float16" else torch.bfloat16
    check_dtype(name)
    return DTYPES[str(name)]


def prepare_device(device: torch.device, dtype: torch.dtype) -> None:
    """Make a GPU the current one, and float32 on it what it says: cuDNN's convolutions else keep 10 bits of 23.

    cuDNN's attention is off, which prepares anew for every shape.
    """
    if device.type != "cuda":
        return
    if device.index is not None:
        torch.cuda.set_device(device)  # whose streams and graphs are used
    torch.backends.cuda.enable_cudnn_sdp(False)
    if dtype is torch.float32:
        torch.backends.cudnn.allow_tf32 = False
