"""Tables, the leaderboard with published values, figures, and the report page about finished runs.

May import: `analysis`, `results`, `stats`, `data`, `tasks` and what is below; never `runs`.
"""
