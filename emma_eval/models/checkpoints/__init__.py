"""Checkpoint folders as files: where they are, what is in them, their tensors, configuration files and templates.

May import: `utils`. Only `devices` and `state_dict` import torch.
"""
