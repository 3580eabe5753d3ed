"""Any image-text-to-text model of the transformers library, by its own processor, chat template and `generate`.

May import: `types`, `utils`, `images`, `models.checkpoints`.
"""
