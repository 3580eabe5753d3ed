"""lmms-eval, both ways: this program's models in lmms-eval, its tasks and file formats here.

`model` is a model of lmms-eval, `source` gives its tasks as tasks of this program (`run --tasks lmms:NAME`), `scorer`
scores them by their own functions, and `export` writes a run as lmms-eval's result and sample files, without lmms-eval.
The package lmms-eval is imported by `installed` and `model` alone, when it is needed.

May import: `inference`, `prompts`, `models`, `data`, `scorers`, `results`, `tasks`, `images`, `registry`, `utils`.
"""
