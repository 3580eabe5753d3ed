"""How answers hold when questions, options and images change, and whether a model's confidence can be believed.

May import: `interpretability` and what is below.
"""
