"""mPLUG-Owl2: configuration, vision model, visual abstractor, weights; its decoder is LLaMA that adapts to modalities.

May import: `models.checkpoints`, `models.ops`, `models.clip`, `models.llama`, `models.multimodal`.
"""
