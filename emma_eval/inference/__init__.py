"""Requests in, Responses out: batching, failures of single samples, time. Knows no particular model.

May import: `types`, `models.base`, `utils`.
"""

from emma_eval.inference.batched import answer

__all__ = ["answer"]
