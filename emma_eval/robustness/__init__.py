"""How answers change when questions, options or images do: variants of benchmarks' questions, compared in pairs.

May import: `interpretability` and what is below.
"""
