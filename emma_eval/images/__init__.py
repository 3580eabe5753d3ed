"""Where an image is and how it is opened; several images as one.

May import: `types`, `utils`.
"""
