"""How much of a batch fits into a GPU's memory."""

from __future__ import annotations

import torch

from emma_eval.models.llama.kv_cache import SPARE_FRACTION
from emma_eval.models.llama.model import Llama

MEMORY_FRACTION = 0.8  # of what is free; the rest is for the towers, for logits and for what the allocator cannot use
MAX_TOKENS = 65_536  # a GPU is busy long before


def max_batch_tokens(llama: Llama) -> int:
    """How many tokens a batch may hold, by the memory that is free now.

    A token takes its keys and values in every layer, whose buffers have room to spare, and what one layer computes at a
    time: the widest are the MLP's two projections and their product, beside queries, keys, values and the residual
    stream.
    """
    config = llama.config
    kv_cache = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * (1 + SPARE_FRACTION)
    activations = 3 * config.intermediate_size + 6 * config.hidden_size
    free, _ = torch.cuda.mem_get_info(llama.device)
    reusable = torch.cuda.memory_reserved(llama.device) - torch.cuda.memory_allocated(llama.device)
    bytes_per_token = llama.dtype.itemsize * (kv_cache + activations)
    return int(min(MAX_TOKENS, MEMORY_FRACTION * (free + reusable) / bytes_per_token))
