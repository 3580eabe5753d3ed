"""Operations between matrix products, fused as Triton kernels on a GPU.

May import: torch alone.
"""
