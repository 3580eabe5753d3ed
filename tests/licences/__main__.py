"""Write the table of docs/licences.md: `python -m tests.licences --write [SITE_PACKAGES ...]`.

SITE_PACKAGES: those of other environments, for extras that are not installed in this one.
"""

from __future__ import annotations

import argparse

from tests.licences.table import BEGIN, DOCUMENT, END, installed, markdown, packages


def main() -> None:
    """Print the table, or write it into the document."""
    parser = argparse.ArgumentParser(prog="python -m tests.licences", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="*", metavar="SITE_PACKAGES", help="of other environments")
    parser.add_argument("--write", action="store_true", help="write docs/licences.md")
    args = parser.parse_args()
    table = markdown(packages(installed(args.paths)))
    if not args.write:
        print(table)
        return
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
