"""One file per official format: its rows become Samples.

May import: `tasks.columns`, `images`, `utils`.
"""
