"""What an answer would begin with: probabilities of its first token, without decoding one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from emma_eval.errors import SampleError

Groups = Sequence[Sequence[int]]  # of token ids
LogProbs = tuple[float, ...]  # one a group


def texts_of_tokens(decode: Callable[[Sequence[int]], str], vocab_size: int) -> dict[int, str]:
    """Each id of the vocabulary -> its text alone, as `decode` gives it; ids without a text are left out."""
    texts = {}
    for index in range(vocab_size):
        try:
            text = decode([index])
        except SampleError:  # some models have more ids than their tokenizer
            continue
        if text:
            texts[index] = text
    return texts


def group_log_probs(logits: Tensor, groups: Groups) -> list[LogProbs]:
    """For each row of logits (P, V) the log of each group's probability, the sum over its ids; -inf for no ids.

    Computed in float32 at least; NaN where logits are not finite.
    """
    log_probs = logits.float().log_softmax(dim=-1)  # (P, V)
    columns = [log_probs[:, list(ids)].logsumexp(dim=-1) for ids in groups]
    return [tuple(row) for row in torch.stack(columns, dim=-1).tolist()] if groups else [()] * len(logits)
