"""The report page: finished runs and their samples as one HTML file that opens from disk, offline."""
