"""One module per official file format, which makes Samples of its rows.

May import: `tasks`, `data.hub`, `images`, `utils`.
"""
