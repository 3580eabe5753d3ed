"""`python -m emma_eval`: the command where its script is not on the path."""

import sys

from emma_eval.cli.door import main

sys.exit(main())
