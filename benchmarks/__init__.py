"""Measurements of the program: run a file of this folder as a script; `--help` tells what it measures."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line does; libgomp reads it when torch is imported
