"""A task's samples: official files or hub rows, read, selected, counted, verified.

May import: `tasks`, `images`, `registry`, `utils`.
"""
