"""Requests in, Responses out: batching, failures of single samples, time. Knows no particular model."""

from emma_eval.inference.answering import answer

__all__ = ["answer"]
