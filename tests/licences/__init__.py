"""The licences of all dependencies: `python -m tests.licences --write` writes docs/licences.md."""
