"""LLaMA as published, with a KV cache, prompts as prefix tries, and batched greedy decoding by CUDA graphs.

May import: `types`, `models.checkpoints`, `models.ops`.
"""
