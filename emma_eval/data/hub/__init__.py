"""Data sets of the Hugging Face hub on this machine: fetched files, their lists, Arrow tables, rows.

May import: `tasks`, `images`, `utils`.
"""
