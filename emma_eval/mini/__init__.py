"""The embedded default: a small visual world, eight benchmarks made of it, and the models trained on it.

May import: `models`, `data`, `prompts`, `tasks` and what is below. `registry` names its suite.
"""
