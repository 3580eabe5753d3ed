"""What two runs, or a run and a baseline, say together: paired comparison, regression gate, majority baseline.

May import: `results`, `stats`.
"""
