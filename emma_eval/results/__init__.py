"""A run folder on disk: manifest, responses, scores, sample statistics, baselines, each with its schema.

May import: `types`, `utils`, `stats`.
"""
