"""The built-in default: a synthetic visual world, eight benchmarks generated from it, and the models trained on it.

May import: `models`, `data`, `prompts`, `tasks` and what is below. `registry` names its suite.
"""
