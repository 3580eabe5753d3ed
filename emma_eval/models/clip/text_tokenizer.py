"""EMMA's instruction to 77 ids of CLIP, by open_clip's tokenizer.

EMMA was trained with its quirks: padding is 0 and is attended to; a long text is truncated to 77 ids, of which the last
is overwritten by the end id 49407.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from emma_eval.errors import UserError

CONTEXT_LENGTH = 77
VOCAB_SIZE = 49408


@lru_cache(maxsize=4096)  # benchmarks ask the same question about many images
def tokenize_instruction(text: str) -> tuple[int, ...]:
    """A text's 77 ids, padded with 0. Raises UserError where open_clip is not installed."""
    ids = _open_clip_tokenize()(text, context_length=CONTEXT_LENGTH)[0].tolist()
    return cast(tuple[int, ...], tuple(ids))


@lru_cache(maxsize=1)
def _open_clip_tokenize() -> Callable[..., Any]:
    """The `tokenize` of open_clip, from its file alone: importing the package takes seconds, and torchvision."""
    package = importlib.util.find_spec("open_clip")
    if package is None or package.origin is None:
        raise UserError("EMMA's instruction tokenizer needs open_clip: pip install open_clip_torch")
    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", Path(package.origin).with_name("tokenizer.py"))
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return cast(Callable[..., Any], module.tokenize)
