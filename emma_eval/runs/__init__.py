"""A run from beginning to end: its settings, its plan, its sessions, its progress, and going on where it stopped.

May import: `inference`, `reports`, `analysis`, `prompts`, `data`, `models`, `scorers`, `results`, and what is below.
"""
