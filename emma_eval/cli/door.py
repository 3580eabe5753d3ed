"""Where the command begins: nothing is imported before Ctrl-C can end it in one line."""

from __future__ import annotations


def main() -> int:
    """Run the process's command line and return its exit code."""
    try:
        from emma_eval.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        import sys

        print("\ninterrupted", file=sys.stderr)
        return 130
