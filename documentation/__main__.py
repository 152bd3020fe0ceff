"""Write what is made in ``docs/``: ``python -m documentation [--reference]``.

``docs/reference`` and ``docs/checks.md`` are made from the code, the output below each command of a ``console`` block
by running it. tests/end_to_end/test_documentation.py says when one is out of date.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from documentation.fences import PROMPT
from documentation.pages import DOCS, with_reference
from documentation.transcripts import renewed


def main() -> None:
    """Write each page that is out of date, and name it."""
    parser = ArgumentParser(prog="python -m documentation", description="Write what is made in docs/.")
    parser.add_argument("--reference", action="store_true", help="leave the outputs of commands as they are")
    arguments = parser.parse_args()
    for page in sorted(DOCS.rglob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = with_reference(page, before)
        if not arguments.reference and PROMPT in after:
            after = renewed(after)
        if after != before:
            page.write_text(after, encoding="utf-8", newline="\n")
            print(page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page)


if __name__ == "__main__":
    main()
