"""Checkpoint folders as files: where they are, what is in them, their fingerprint, their tensors and settings.

May import: `utils`. Only `state_dict` imports torch.
"""
