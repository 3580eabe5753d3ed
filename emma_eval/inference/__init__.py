"""Requests in, answers out: the Engine that runs know; one file an engine, and what batches, prefetches and retries.

May import: `types`, `models`, `servers`, `images`, `utils`.
"""
