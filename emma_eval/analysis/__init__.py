"""Comparison of runs: paired tests, the regression gate against a baseline, the best constant answer.

May import: `results`, `stats`.
"""
