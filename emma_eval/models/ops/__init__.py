"""What layers of a transformer compute between matrix products: attention, and pointwise operations, fused on a GPU.

May import: torch alone.
"""
