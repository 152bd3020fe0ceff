"""The checks themselves: which there are, and why each asks what it asks."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from upgrade_kit.model.rewrite import Rule
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.installed import OWN_CHECKS
from upgrade_kit.preflight.selection import families
from upgrade_kit.preflight.severities import severities
from upgrade_kit.report.markdown import plain

_WIDTH = 79
_NARROWEST = 20  # characters of a title
_EACH_SAYS = "Each of its findings says what to type, with the names of your site."
_PAGE_USE = (
    "`--only` and `--skip` take the id of a check or the name of a family; `upgrade-kit explain ID` tells the same of "
    "one check. This page is made from the checks themselves."
)
_PAGE_SEVERITIES = (
    "An error stops the upgrade, a warning is for a person to act on, information is worth knowing. A check that "
    "finds none of them still tells when it could not look, and then the verdict is UNKNOWN, never GO."
)


def render_checks(checks: Sequence[Check[Any]], *, width: int | None = None) -> str:
    """Return a line for each check, family by family, as plain text.

    Args:
        checks: in the order in which they are shown.
        width: in characters, to which longer lines are folded; ``None`` folds none.
    """
    lines: list[str] = []
    for family in sorted({check.family for check in checks}):
        lines += ["", family] if lines else [family]
        for check in checks:
            if check.family == family:
                lines += _folded(f"  {check.id:7} ", check.title, width)
    lines += ["", f"{len(checks)} checks. upgrade-kit explain ID tells why one asks, and what to do."]
    return "\n".join(lines) + "\n"


def _folded(start: str, text: str, width: int | None) -> list[str]:
    if width is None:
        return [start + text]
    room = max(width, len(start) + _NARROWEST)
    return textwrap.wrap(start + text, room, subsequent_indent=" " * len(start), break_on_hyphens=False)


def checks_document(checks: Sequence[Check[Any]]) -> dict[str, Any]:
    """Return the checks as the document that ``preflight --list --format json`` prints."""
    return {"schema": 1, "command": "preflight --list", "checks": [check_document(check) for check in checks]}


def checks_markdown(checks: Sequence[Check[Any]]) -> str:
    """Return the checks as Markdown, a table for each family: ``docs/checks.md`` is made by this."""
    lines = [
        "<!-- upgrade-kit preflight --list --format markdown -->",
        "",
        "# The checks of preflight",
        "",
        f"There are {len(checks)}, by family. {_PAGE_USE}",
        "",
        _PAGE_SEVERITIES,
    ]
    for family in families(checks):
        members = [check for check in checks if check.family == family]
        lines += ["", f"## {plain(family)}", "", _subject(members[0]), ""]
        lines += ["| id | should hold | why | found as | source | what to do |", "|---|---|---|---|---|---|"]
        lines += [_row(check) for check in members]
    return "\n".join(lines) + "\n"


def _subject(check: Check[Any]) -> str:
    """Return the first sentence of what the module says of itself that a check is written in."""
    module = sys.modules.get(check.function.__module__)
    lines = ((module and module.__doc__) or "").strip().splitlines()
    return plain(lines[0]) if lines else "Checks of another distribution."


def _row(check: Check[Any]) -> str:
    cells = (
        check.id,
        check.title if check.crosses is None else f"{check.title} (asked where the path goes past {check.crosses})",
        check.why,
        _found_as(check),
        check.section,
        check.remedy or "what each finding says",
    )
    return f"| {' | '.join(map(plain, cells))} |"


def _found_as(check: Check[Any]) -> str:
    return ", ".join(severity.value for severity in severities(check)) or "nothing: it passes, or could not look"


def check_document(check: Check[Any]) -> dict[str, Any]:
    """Return what there is to say of one check as plain dictionaries and strings."""
    return {
        "id": check.id,
        "family": check.family,
        "title": check.title,
        "why": check.why,
        "source": check.section,
        "remedy": check.remedy,
        "crosses": None if check.crosses is None else str(check.crosses),
        "severities": [severity.value for severity in severities(check)],
    }


def render_check(check: Check[Any]) -> str:
    """Return why a check asks, where that comes from, how to mend what it finds and how to leave it out."""
    when = "always" if check.crosses is None else f"where the path goes past {check.crosses}"
    silence = f"upgrade-kit preflight --skip {check.id}  (shown as left out; what it would have found is still there)"
    if check in OWN_CHECKS:
        silence = "It cannot be left out: it is asked of the kit itself, and shown where it finds something."
    parts = [
        (f"{check.id}  {check.title}",),
        ("Why", check.why),
        ("Asked", when),
        ("Found as", _found_as(check)),
        ("Source", check.section),
        ("What to do", check.remedy or _EACH_SAYS),
        ("To leave it out", silence),
    ]
    return "\n\n".join(_paragraph(*part) for part in parts) + "\n"


def rule_document(rule: Rule) -> dict[str, Any]:
    """Return what there is to say of one procedure rule as plain dictionaries and strings."""
    return {"id": rule.id, "family": "rules", "title": rule.title, "why": rule.why, "source": rule.source}


def render_rule(rule: Rule) -> str:
    """Return what a procedure rule says, and how that is known."""
    parts = ((f"{rule.id}  {rule.title}",), ("Why", rule.why), ("Source", rule.source))
    told = "upgrade-kit rewrite-calcs --explain MACRO_NAME tells where a procedure meets it, line by line."
    return "\n\n".join(_paragraph(*part) for part in (*parts, ("In a procedure", told))) + "\n"


def _paragraph(heading: str, text: str = "") -> str:
    if not text:
        return heading
    body = textwrap.fill(
        text,
        width=_WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{heading}:\n{body}"
