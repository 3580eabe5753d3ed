"""LLaMA: the model as published, and the engine that reads prompts as prefix tries and decodes them greedily.

May import: `types`, `models.checkpoints`, `models.ops`.
"""
