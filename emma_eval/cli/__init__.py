"""The command line: one command a file, each importing what is heavy only when it runs."""
