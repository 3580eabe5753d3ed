"""The program for Python and notebooks: evaluate, load_run, load_task, score. `emma_eval` itself offers their names.

Imports of pandas, torch and what else is heavy are inside the functions.

May import: `runs`, `reports`, `predictions`, `models`, and what is below.
"""
