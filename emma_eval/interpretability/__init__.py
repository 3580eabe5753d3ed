"""What a checkpoint is made of and what its parts do: parameters, operations, memory; and variants of it.

May import: `models`, `reports`, `stats` and what is below.
"""
