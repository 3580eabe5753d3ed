"""Measurements of the program: run a file of this folder as a script; `--help` tells what it measures."""

from emma_eval.utils.cpu import keep_threads_calm

keep_threads_calm()  # as the command line does
