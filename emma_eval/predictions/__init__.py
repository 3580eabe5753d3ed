"""Read answers that any program made, and join them with the samples that they answer.

`formats` reads the rows of a file, `answer_key` finds the key that holds the answers, `join` tries the strategies of
`all_strategies` and takes the one that fits all rows, and `row_checker` finds rows that contradict their sample.
Nothing is guessed: a file that fits two ways, or none, is an error that says what to do.

May import: `data`, `prompts`, `tasks`, `registry`, `utils`.
"""

from emma_eval.predictions.reading import Predictions, read_predictions

__all__ = ["Predictions", "read_predictions"]
