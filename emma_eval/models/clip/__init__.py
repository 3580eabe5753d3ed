"""CLIP's two towers, their weights, their image processor and their text tokenizer.

May import: `models.checkpoints`, `models.ops`, `images`.
"""
