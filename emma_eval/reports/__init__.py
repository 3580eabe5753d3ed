"""Tables, the leaderboard beside published values, figures, and the page about finished runs.

May import: `analysis`, `results`, `stats`, `data`, `tasks` and what is below; never `runs`.
"""
