"""What a checkpoint is made of and what its parts do: parameters, operations, memory.

May import: `models`, `reports`, `stats` and what is below.
"""
