"""The kinds of CLIP's text tokens: start, words, end, padding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

END_ID = 49407  # of CLIP's vocabulary; the last of a text that is cut, too
KINDS = ("start", "words", "end", "padding")


def token_kinds(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Instruction ids (B, 77) -> an index into KINDS for each.

    The first is the start token, what is behind the first end token is padding (whose id 0 is also that of `!`).
    """
    positions = np.arange(ids.shape[1])
    ends = (ids == END_ID).argmax(axis=1)[:, None]  # every text has one
    kinds = np.where(positions > ends, 3, np.where(positions == ends, 2, 1))
    kinds[:, 0] = 0
    return kinds
