"""A run: its folder, its append-only record of answers, its manifest, and going on where it stopped."""
