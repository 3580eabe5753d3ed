"""Malformed input, counted: thousands of seeded inputs, and whether each is refused or understood rightly.

`python -m tests.bad_input` examines them and prints a table; see `__main__` for its options.
"""
