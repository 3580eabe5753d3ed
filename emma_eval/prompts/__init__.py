"""Make Requests of a Sample and its task: options, suffix, image placement, instruction.

May import: `tasks`, `images`, `utils`.
"""
