"""Readers: official files, or hub rows with the same content, become Samples. One module per format."""

from emma_eval.readers.loading import fetched_for, load_local, load_samples, locate_files, on_hub

__all__ = ["fetched_for", "load_local", "load_samples", "locate_files", "on_hub"]
