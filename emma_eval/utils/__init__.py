"""Files, text, JSON, YAML, tables, caches, the hub, the machine: helpers that know nothing of benchmarks.

May import: `errors`.
"""
