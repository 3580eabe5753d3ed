"""Answers made anywhere, joined with the samples that they answer.

`files` turns a file of any format into rows, `answer_key` finds the key that holds the answers, `joins` lists the ways
in which a row can find its sample, `joining` takes the one that all rows agree with, and `checking` tells a row that
contradicts its sample. Nothing is guessed: what fits two ways, or none, is an error that says how to settle it.

May import: `data`, `prompts`, `tasks`, `registry`, `utils`.
"""

from emma_eval.predictions.reading import Predictions, read_predictions

__all__ = ["Predictions", "read_predictions"]
