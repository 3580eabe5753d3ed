"""The embedded default: a small visual world, eight benchmarks made of it, and the models trained on it."""
