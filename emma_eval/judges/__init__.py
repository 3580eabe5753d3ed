"""What a judge model decides: official prompts, verdicts on record, and the official arithmetic over them.

May import: `servers`, `types`, `utils`.
"""
