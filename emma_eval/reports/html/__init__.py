"""The report page: finished runs as one HTML file, with a browser of their samples; opened from disk, offline."""
