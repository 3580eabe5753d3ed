"""Readers: official files, or hub rows with the same content, become Samples. One module per format."""

from emma_eval.readers.loading import load_samples, locate_files, on_hub

__all__ = ["load_samples", "locate_files", "on_hub"]
