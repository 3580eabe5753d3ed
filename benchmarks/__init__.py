"""Measurements of the program: run a file of this folder as a script; `--help` tells what it measures."""

from emma_eval.utils.cpu import set_openmp_wait_policy

set_openmp_wait_policy()  # as the command line does
