"""EMMA and LLaVA-1.5: CLIP, the alignment module, the projector and LLaMA as one model that answers requests.

May import: `models.clip`, `models.llama`, `models.multimodal`, `models.checkpoints`, `images`.
"""
