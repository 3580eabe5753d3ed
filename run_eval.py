"""The door: `python run_eval.py` is the installed command `emma-eval`, run from a checkout."""

import sys

from emma_eval.cli.door import main

if __name__ == "__main__":
    sys.exit(main())
