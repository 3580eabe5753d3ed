"""Statistics of scores: bootstrap intervals, paired tests, comparisons, verdicts of the regression gate.

All functions take `types.Scores`, in which each metric carries what each sample adds to it. No benchmark, model or file
is known here.

May import: `types`.
"""
