"""Statistics of scores: intervals, paired tests, comparisons, and the verdicts of the regression gate.

All of it works on `types.Scores` alone: each metric carries what each sample adds to it, so nothing here knows a
benchmark, a model or a file.

May import: `types`.
"""
