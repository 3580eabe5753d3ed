"""How answers hold when questions and images change, and whether a model's confidence can be believed.

May import: `models`, `inference`, `reports`, `runs`, `stats` and what is below.
"""
