"""Tasks: the schema of `tasks/*.yaml`, and how a file becomes a TaskConfig. Readers and scorers are names to it.

May import: `types`, `utils`, `registry`.
"""
