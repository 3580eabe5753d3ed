"""The entry point of the command: imports nothing before Ctrl-C is handled."""

from __future__ import annotations


def main() -> int:
    """Run the process's command line and return its exit code; Ctrl-C while importing ends it in one line."""
    try:
        from emma_eval.cli.interrupts import end_quietly
        from emma_eval.cli.main import main as run

        code = run()
        end_quietly(code)
    except KeyboardInterrupt:
        import sys

        print("\ninterrupted", file=sys.stderr)
        return 130
    return code
