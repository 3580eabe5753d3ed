"""A Sample and its task become Requests: option layout, suffix, images, conversation template, instruction.

May import: `tasks`, `images`, `utils`.
"""
