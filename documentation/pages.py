"""Which parts of which pages are made, and by what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from documentation import answers, commands, library, rules
from documentation.made import with_made_parts
from upgrade_kit.preflight.checks import CHECKS
from upgrade_kit.preflight.installed import OWN_CHECKS
from upgrade_kit.report.checks import checks_markdown

DOCS = Path(__file__).resolve().parents[1] / "docs"
PARTS: dict[str, Callable[[], list[str]]] = {
    "commands": commands.commands,
    "exit-status": commands.exit_status,
    "json": answers.answers,
    "versions": rules.versions,
    "steps": rules.steps,
    "procedure-rules": rules.procedures,
    "names": library.names,
    "values": library.values,
    "errors": library.errors,
}


def with_reference(page: Path, text: str) -> str:
    """Return the page's text with what is made in it, made anew."""
    if page == DOCS / "checks.md":
        return checks_markdown([*sorted(CHECKS, key=lambda check: check.id), *OWN_CHECKS])
    return with_made_parts(text, PARTS)
