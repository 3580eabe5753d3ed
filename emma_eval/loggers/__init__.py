"""Finished runs in Weights & Biases, TensorBoard and MLflow: one hook, fed from what a run folder holds.

`base` says what a logger must offer, `content` and `samples` are what it is given, `log_run` asks loggers and keeps the
record of what is logged where. The packages are imported by the modules of their names alone, when they are needed.

May import: `reports`, `results`, `registry` and what is below; never `runs`.
"""
