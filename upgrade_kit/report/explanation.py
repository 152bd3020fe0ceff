"""The story of one verdict, line by line, for a person or a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from upgrade_kit.model.explanation import Explanation, Needs
from upgrade_kit.model.finding import Severity
from upgrade_kit.model.rewrite import Outcome, Procedure
from upgrade_kit.report.document import edit_document, finding_document
from upgrade_kit.report.terminal import literal, print_prose

MOST_LINES = 120
_NEEDS = {
    Needs.BYTES: "needs bytes",
    Needs.TEXT: "needs text",
    Needs.EITHER: "takes either",
    Needs.NAME: "needs the path",
    Needs.PERSON: "for a person",
}
_STYLE = {
    Outcome.REWRITE: "green",
    Outcome.UNCHANGED: "dim",
    Outcome.REVIEW: "yellow",
    Outcome.ERROR: "red",
}
_SEVERITY_STYLE = {Severity.INFO: "dim", Severity.WARNING: "yellow", Severity.ERROR: "red"}
_TAB_WIDTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One test with its story and what to type next.

    Attributes:
        procedure: the test and its text.
        story: why its answer is what it is.
        next_steps: what to type or do, one sentence or command each.
    """

    procedure: Procedure
    story: Explanation
    next_steps: tuple[str, ...]


def explanations_document(
    explained: Sequence[Explained], *, slug: str, version: str | None, database: str
) -> dict[str, Any]:
    """Return the stories as plain lists, dictionaries, strings and numbers.

    Args:
        explained: every test with the macro name that was asked for.
        slug: that macro name.
        version: of the site's schema; None where it is of none.
        database: where it is, without the password.
    """
    return {
        "schema": 1,
        "command": "rewrite-calcs",
        "site": {"version": version, "database": database},
        "explain": slug,
        "tests": [_document(one) for one in explained],
    }


def _document(explained: Explained) -> dict[str, Any]:
    procedure, story = explained.procedure, explained.story
    rewrite = story.rewrite
    return {
        "test_id": procedure.test_id,
        "slug": procedure.slug,
        "name": procedure.name,
        "type": procedure.type,
        "outcome": None if rewrite is None else rewrite.outcome.value,
        "reads": None if rewrite is None else rewrite.reads.value,
        "reason": story.reason,
        "lines": [{"line": number, "text": text} for number, text in story.lines],
        "steps": [{"line": step.line, "name": step.name, "holds": step.holds} for step in story.steps],
        "uses": [
            {"line": use.line, "what": use.what, "needs": use.needs.value, "why": use.why, "rule": use.rule}
            for use in story.uses
        ],
        "ruled_out": [{"outcome": one.outcome.value, "because": [*one.because]} for one in story.ruled_out],
        "edits": [edit_document(edit) for edit in (rewrite.edits if rewrite else ())],
        "findings": [finding_document(found) for found in story.findings],
        "rules": [{"id": rule.id, "title": rule.title, "why": rule.why, "source": rule.source} for rule in story.rules],
        "next": [*explained.next_steps],
    }


def render_explanations(explained: Sequence[Explained], console: Console) -> None:
    """Write the stories to a console.

    Args:
        explained: every test with the macro name that was asked for.
        console: made by ``make_console``.
    """
    for one in explained:
        _render(one, console)


def _render(explained: Explained, console: Console) -> None:
    procedure, story = explained.procedure, explained.story
    title = f"{procedure.slug}  {procedure.name}  (test {procedure.test_id}, {procedure.type})"
    console.print(literal(console, title, "bold"))
    if story.rewrite is not None:
        verdict = Text(story.rewrite.outcome, style=_STYLE[story.rewrite.outcome])
        _print(verdict.append(literal(console, f": {story.reason}", "default")), console, by=0)
    else:
        _print(literal(console, story.reason), console, by=0)
    console.print()
    _lines(story, console)
    if story.rewrite is not None and story.rewrite.edits:
        edits = [
            f"line {e.line}, column {e.column}: {e.before!r} -> {e.after!r}  [{e.rule}]" for e in story.rewrite.edits
        ]
        _section("Edits", edits, console)
    for one in story.ruled_out:
        _section(f"Not {one.outcome.value}, because", one.because, console)
    told = []
    for rule in story.rules:
        told += [f"{rule.id}  {rule.title}", f"       {rule.why}", f"       Source: {rule.source}"]
    _section("Rules", told, console)
    for step in explained.next_steps:
        console.print(literal(console, step), soft_wrap=True)
    console.print()


def _lines(story: Explanation, console: Console) -> None:
    """Show each line that matters, and under it what happens there."""
    width = len(str(story.lines[-1][0])) if story.lines else 1
    for number, text in story.lines[:MOST_LINES]:
        shown = literal(console, text.expandtabs(_TAB_WIDTH).rstrip())
        console.print(Text(f"{number:>{width}}  ", style="dim").append(shown), soft_wrap=True)
        for note, style in _notes(story, number):
            _print(literal(console, note, style), console, by=width + 6)
    if len(story.lines) > MOST_LINES:
        console.print(f"... and {len(story.lines) - MOST_LINES} more lines; --format json has them all.")
    nowhere = [found for found in story.findings if not found.where.startswith("line ")]
    for found in nowhere:
        _print(literal(console, found.message, _SEVERITY_STYLE[found.severity]), console)
    if story.lines or nowhere:
        console.print()


def _notes(story: Explanation, line: int) -> Iterator[tuple[str, str]]:
    for step in story.steps:
        if step.line == line:
            yield f"{step.name} is {step.holds}", ""
    for use in story.uses:
        if use.line == line and use.needs is not Needs.PERSON:
            yield f"{use.what}: {_NEEDS[use.needs]}, since {use.why}  [{use.rule}]", "cyan"
    for found in story.findings:
        if found.where == f"line {line}":
            rule = f"  [{found.rule}]" if found.rule else ""
            yield f"{found.severity}: {found.message}{rule}", _SEVERITY_STYLE[found.severity]
            if found.hint:
                yield f"-> {found.hint}", ""


def _section(title: str, lines: Sequence[str], console: Console) -> None:
    if not lines:
        return
    console.print(Text(title, style="bold"))
    for line in lines:
        _print(literal(console, line), console, by=2 + len(line) - len(line.lstrip()))
    console.print()


def _print(text: Text, console: Console, by: int = 2) -> None:
    text = Text(text.plain.lstrip(), style=text.style) if text.plain[:1] == " " else text
    print_prose(console, text, indent=by)
