"""Find, download, read, verify and hash a task's data, as official files or rows of the hub.

May import: `tasks`, `images`, `registry`, `utils`.
"""
