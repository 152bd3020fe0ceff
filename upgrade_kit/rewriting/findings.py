"""What was seen in a procedure, as findings with line and words to type."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from upgrade_kit.model.finding import Finding, Severity
from upgrade_kit.rewriting.observations import Observations, Want
from upgrade_kit.rewriting.runtime_text import Places
from upgrade_kit.rewriting.scopes import stored_names


def told(seen: Observations, places: Places) -> Iterator[Finding]:
    """Yield what the analysis saw, as findings: what is gone, what differs, what a person must look at."""
    for entry in seen.broken():
        yield finding(Severity.ERROR, places.line(entry.node_line), entry.what, entry.hint, entry.rule)
    for entry in sorted(seen.notes, key=lambda entry: (entry.node_line, entry.hint)):
        yield finding(Severity.WARNING, places.line(entry.node_line), entry.what, entry.hint, entry.rule)
    for demand in seen.wanted(Want.REVIEW):
        line = places.line(demand.node_line)
        yield finding(Severity.WARNING, line, demand.what, "read the procedure and decide", demand.rule)


def shadowed(seen: Observations, tree: ast.Module, places: Places, *, composite: bool) -> Iterator[Finding]:
    """Yield the procedure's own variables that have the name of something that 0.3.0 supplies and 0.2.9.1 does not."""
    if not seen.hides:
        return
    for name, line in stored_names(tree).items():
        if name not in seen.hides or (composite and name == "BIN_FILE"):
            continue
        if composite:
            yield finding(
                Severity.WARNING,
                places.line(line),
                f"{name} is supplied by QATrack+ 0.3.0; what is assigned to it here, the composites calculated after "
                "this one get too",
                "take another name",
                "UK429",
            )
        else:
            yield finding(
                Severity.INFO,
                places.line(line),
                f"{name} is supplied by QATrack+ 0.3.0; here it stays the procedure's own",
                "take another name if you want what QATrack+ supplies",
                "UK429",
            )


def finding(severity: Severity, line: int, message: str, hint: str, rule: str) -> Finding:
    """Return one finding in a procedure; ``line`` as an editor shows it."""
    return Finding(severity=severity, message=message, hint=hint, where=f"line {line}", rule=rule)
