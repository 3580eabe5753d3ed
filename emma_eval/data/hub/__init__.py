"""Data sets of the Hugging Face hub: downloaded snapshots, Arrow tables, rows, lock files.

May import: `tasks`, `images`, `utils`.
"""
