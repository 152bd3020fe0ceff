"""What preflight shows a person, and its JSON: every answer, what was not looked at, the verdict last."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, assert_never

from rich.console import Console
from rich.table import Table
from rich.text import Text

from upgrade_kit.model.changes import Changes
from upgrade_kit.model.deployment import (
    Database,
    Deployment,
)
from upgrade_kit.model.finding import (
    CheckResult,
    CouldNotRun,
    Finding,
    Found,
    NotApplicable,
    Passed,
    Severity,
    Verdict,
)
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.unobserved import NOT_LOOKED, Unobserved
from upgrade_kit.preflight.runner import Preflight
from upgrade_kit.report.changes import changes_document, changes_sentence
from upgrade_kit.report.formats import in_order_of_work
from upgrade_kit.report.terminal import literal, print_prose, print_table, table_box

_WORST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_SEVERITY_STYLE = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.ERROR: "bold red"}
_MANY = 12  # ids in one sentence
_VERDICT_STYLE = {Verdict.GO: "bold green", Verdict.NO_GO: "bold red", Verdict.UNKNOWN: "bold yellow"}
_INDENT = 2
_SHORT_MESSAGE = 480  # characters; beyond it a table shows the rest with -v, JSON always


def render_preflight(
    preflight: Preflight,
    console: Console,
    *,
    path: UpgradePath | Unobserved,
    deployment: Deployment,
    changes: Changes | None = None,
    command: str = "preflight",
    verbose: int = 0,
    quiet: bool = False,
) -> None:
    """Write the report of one preflight to a console.

    Args:
        preflight: the answers and the verdict.
        console: made by ``make_console``.
        path: the way to the target, or why it is not known.
        deployment: the site that was looked at.
        changes: since an earlier run, if there was one.
        command: what to run again afterwards.
        verbose: from 1 on also what passed checks saw, what does not apply in the table, and messages in full.
        quiet: only what makes the verdict NO_GO, what could not be looked at, and the verdict.
    """
    if not quiet:
        for line in _heading(deployment, path):
            console.print(literal(console, line), soft_wrap=True)
        console.print()
        print_table(console, _table(preflight, console, verbose=verbose))
        console.print()
    for severity in _WORST_FIRST:
        for result, finding in _findings(preflight, severity):
            if quiet and not preflight.fails(finding):
                continue
            _print_finding(result, finding, console, verbose=verbose, quiet=quiet)
    _print_not_looked_at(preflight, console, quiet=quiet)
    if changes is not None and not quiet:
        print_prose(console, literal(console, changes_sentence(changes, deployment.observed_at)))
        console.print()
    sentence, following = verdict_in_words(preflight, path, command)
    text = Text(preflight.verdict.value, style=_VERDICT_STYLE[preflight.verdict])
    print_prose(console, text.append(f"  {sentence}", style="default"))
    if not quiet:
        print_prose(console, literal(console, following))


def preflight_document(
    preflight: Preflight,
    *,
    path: UpgradePath | Unobserved,
    deployment: Deployment,
    changes: Changes | None = None,
) -> dict[str, Any]:
    """Return one preflight as plain lists, dictionaries and strings, for ``to_json``.

    What is not known is ``None``; the path is ``[]`` then. ``changes`` is ``None`` where there was no earlier run.
    """
    return {
        "schema": 1,
        "command": "preflight",
        "site": {
            "folder": None if deployment.site is None else str(deployment.site),
            "version": None if isinstance(deployment.version, Unobserved) else str(deployment.version),
            "database": _address(deployment),
        },
        "path": [] if isinstance(path, Unobserved) else [str(version) for version in path.versions],
        "observed_at": deployment.observed_at.isoformat(timespec="seconds"),
        "verdict": preflight.verdict.value,
        "changes": None if changes is None else changes_document(changes),
        "results": [_result_document(result) for result in preflight.results],
    }


def _result_document(result: CheckResult) -> dict[str, Any]:
    document: dict[str, Any] = {"id": result.id, "title": result.title}
    match result.result:
        case Passed(seen=seen):
            return {**document, "result": "passed", "seen": seen, "findings": []}
        case Found(findings=findings):
            return {**document, "result": "found", "findings": [_finding_document(one) for one in findings]}
        case NotApplicable(reason=reason):
            return {
                **document,
                "result": "not_applicable",
                "reason": reason,
                "left_out": result.left_out,
                "findings": [],
            }
        case CouldNotRun(reason=reason):
            return {**document, "result": "could_not_run", "reason": reason, "findings": []}
        case _:
            assert_never(result.result)


def _finding_document(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        "where": finding.where,
    }


def _address(deployment: Deployment) -> str | None:
    """Return where the database is, if it answered, or nobody had to ask it."""
    database = deployment.database
    if isinstance(database, Database):
        return database.url
    return deployment.database_url if database == NOT_LOOKED else None


def _heading(deployment: Deployment, path: UpgradePath | Unobserved) -> Iterator[str]:
    database = deployment.database
    if deployment.site is not None:
        yield f"Site      {deployment.site}"
    address, why = _address(deployment), "" if isinstance(database, Database) else database.reason
    yield f"Database  {address} ({why})" if address and why else f"Database  {address or why}"
    version = deployment.version
    yield f"Version   {version.reason if isinstance(version, Unobserved) else version}"
    if isinstance(path, Unobserved):
        yield f"Path      not known: {path.reason}"
    elif path.hops:
        yield f"Path      {' -> '.join(str(step) for step in path.versions)}"
    else:
        yield f"Path      none: at {path.target.version} already"


def _table(preflight: Preflight, console: Console, *, verbose: int) -> Table:
    table = Table(box=table_box(console), show_edge=False, pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("title", overflow="fold", ratio=1)
    table.add_column("result", no_wrap=True)
    for result in preflight.results:
        if isinstance(result.result, NotApplicable) and not verbose:
            continue  # told by its reason, below the findings
        title = literal(console, result.title)
        if verbose and isinstance(result.result, Passed) and result.result.seen:
            title.append("\n").append(literal(console, result.result.seen, "dim"))
        table.add_row(literal(console, result.id), title, _word(result))
    return table


def _word(result: CheckResult) -> Text:
    match result.result:
        case Passed():
            return Text("passed", style="green")
        case Found(findings=findings):
            worst = next(one for one in _WORST_FIRST if any(finding.severity is one for finding in findings))
            return Text(worst.value, style=_SEVERITY_STYLE[worst])
        case NotApplicable():
            return Text("not applicable", style="dim")
        case CouldNotRun():
            return Text("could not look", style="bold yellow")
        case _:
            assert_never(result.result)


def _findings(preflight: Preflight, severity: Severity) -> Iterator[tuple[CheckResult, Finding]]:
    for result in in_order_of_work(preflight.results):
        if isinstance(result.result, Found):
            for finding in result.result.findings:
                if finding.severity is severity:
                    yield result, finding


def _print_finding(result: CheckResult, finding: Finding, console: Console, *, verbose: int, quiet: bool) -> None:
    heading = literal(console, result.id, "bold")
    heading.append(f"  {finding.severity.value}  ", style=_SEVERITY_STYLE[finding.severity])
    heading.append(literal(console, result.title if not quiet else finding.message))
    print_prose(console, heading)
    if quiet:
        return
    _print_prose(_shortened(finding.message, verbose=verbose), console)
    if finding.where:
        _print_prose(f"Where: {finding.where}", console)
    _print_hint(finding.hint, console)
    console.print()


def _shortened(message: str, *, verbose: int) -> str:
    if verbose or len(message) <= _SHORT_MESSAGE:
        return message
    shown = textwrap.shorten(message, _SHORT_MESSAGE, placeholder="")
    return f"{shown} ... ({len(message) - len(shown)} more characters; -v shows them)"


def _print_hint(hint: str, console: Console) -> None:
    """Print prose wrapped, and lines to type as they are from the first column on, to be copied."""
    typed = False
    for line in hint.splitlines():
        is_typed = line.startswith("    ")
        if is_typed != typed:
            console.print()
        typed = is_typed
        if is_typed:
            console.print(literal(console, line.removeprefix("    ")), soft_wrap=True)
        else:
            _print_prose(line, console)


def _print_prose(text: str, console: Console) -> None:
    print_prose(console, literal(console, text), indent=_INDENT)


def _print_not_looked_at(preflight: Preflight, console: Console, *, quiet: bool) -> None:
    blind = [result for result in preflight.results if isinstance(result.result, CouldNotRun)]
    if blind:
        console.print(Text("Could not look", style="bold yellow"))
        for reason, results in _by_reason(blind):
            _print_prose(f"{', '.join(result.id for result in results)}  {reason}", console)
        console.print()
    beside = [result for result in preflight.results if isinstance(result.result, NotApplicable)]
    if beside and not quiet:
        console.print(Text("Not looked at, because it does not apply", style="bold"))
        for reason, results in _by_reason(beside):
            _print_prose(f"{_named(results)}  {reason}", console)
        console.print()


def _named(results: list[CheckResult]) -> str:
    """Return the ids; of many that nobody wanted to be asked, how many they are."""
    if len(results) > _MANY and all(result.left_out for result in results):
        return f"{len(results)} checks"
    return ", ".join(result.id for result in results)


def _by_reason(results: list[CheckResult]) -> Iterator[tuple[str, list[CheckResult]]]:
    groups: dict[str, list[CheckResult]] = {}
    for result in results:
        if isinstance(result.result, NotApplicable | CouldNotRun):
            groups.setdefault(result.result.reason, []).append(result)
    yield from groups.items()


def verdict_in_words(
    preflight: Preflight, path: UpgradePath | Unobserved, command: str, *, said: str = "above"
) -> tuple[str, str]:
    """Return why the verdict is what it is, and what to do next."""
    match preflight.verdict:
        case Verdict.NO_GO:
            failing = [
                (result, finding)
                for severity in _WORST_FIRST
                for result, finding in _findings(preflight, severity)
                if preflight.fails(finding)
            ]
            ids = list(dict.fromkeys(result.id for result, _ in failing))
            count = len(failing)
            noun = "error" if preflight.fail_level is Severity.ERROR else "finding"
            noun += "" if count == 1 else "s"
            arrived = isinstance(path, UpgradePath) and not path.hops
            return (
                f"{count} {noun} {'to be mended' if arrived else 'must be gone before the upgrade'}: {', '.join(ids)}.",
                f"Next: do what is said {said}, then run {command} again.",
            )
        case Verdict.UNKNOWN:
            ids = [result.id for result in preflight.results if isinstance(result.result, CouldNotRun)]
            shown = ", ".join(ids) if len(ids) <= _MANY else f"{len(ids)} checks could not look, as said above"
            return (
                f"No error, but not everything could be looked at: {shown or 'no check was run'}.",
                f"Next: see to it that the kit can look, then run {command} again.",
            )
        case Verdict.GO:
            warnings = sum(1 for _ in _findings(preflight, Severity.WARNING))
            noun = "warning" if warnings == 1 else "warnings"
            left_out = sum(result.left_out for result in preflight.results)
            asked = f", {left_out} checks left out" if left_out else ""
            return (
                f"Nothing found that stands in the way ({warnings} {noun}{asked}).",
                "Next: upgrade-kit path shows the steps."
                if isinstance(path, Unobserved) or path.hops
                else "Next: nothing; there is no hop left to take.",
            )
        case _:
            assert_never(preflight.verdict)
