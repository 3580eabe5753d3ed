"""A Sample and its task become Requests: option layout, suffix, images, instruction.

May import: `tasks`, `images`, `utils`.
"""
