"""What a judge model decides: official prompts, verdicts on record, and the official arithmetic over them.

A benchmark's module has a `TaskJudge`: what is asked about which answers, which replies are understood, and the scores
that follow. All else is one mechanism: `session` sends the requests and records each verdict in `verdicts`, `scoring`
writes the scores beside the run whose answers they are of.

May import: `results`, `scorers`, `servers`, `tasks`, `types`, `utils`.
"""
