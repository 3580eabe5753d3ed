"""The fault run: real commands as processes, and what they say and leave behind when something goes wrong.

`python -m tests.faults` runs all cases (`--help` for parts), `--write docs/reliability.md` writes the table.
A case starts a command, brings about a fault at a chosen moment, and starts the same command again; `trial` has the
checks. Cases of one kind of fault are one module; `subjects` has the commands.
"""
