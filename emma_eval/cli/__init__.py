"""The command line: one command a file, each importing what is heavy only when it runs.

May import: every room. Nothing imports it.
"""
