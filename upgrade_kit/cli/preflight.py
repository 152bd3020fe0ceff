"""``upgrade-kit preflight``: ask every check that applies, then say GO, NO_GO or UNKNOWN."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, assert_never

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.looking import add_survey_arguments, look, look_for
from upgrade_kit.cli.memory import Recalled, memory_file, read_since, recall, remember
from upgrade_kit.cli.options import (
    add_output_arguments,
    default_site,
)
from upgrade_kit.cli.streams import Streams
from upgrade_kit.errors import UsageError
from upgrade_kit.model.changes import Changes
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CheckResult, Found, Severity, Verdict
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.changes import changes_since, remembered
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.installed import OWN_CHECKS, load_checks
from upgrade_kit.preflight.runner import Preflight, run_preflight
from upgrade_kit.preflight.selection import select
from upgrade_kit.report.checks import checks_document, checks_markdown, render_checks
from upgrade_kit.report.document import to_json
from upgrade_kit.report.formats import preflight_junit, preflight_markdown, preflight_sarif
from upgrade_kit.report.preflight import preflight_document, render_preflight
from upgrade_kit.report.terminal import make_console, table_width, visible

_FORMATS = {"junit": preflight_junit, "sarif": preflight_sarif}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``preflight``."""
    add_survey_arguments(parser)
    parser.add_argument(
        "--only",
        metavar="ID_OR_FAMILY",
        action="append",
        default=[],
        help="ask this check, or this family of checks, and no other, and look at nothing slow that they do not need; "
        "may be given more than once",
    )
    parser.add_argument(
        "--skip",
        metavar="ID_OR_FAMILY",
        action="append",
        default=[],
        help="leave this check, or this family of checks, out; may be given more than once",
    )
    parser.add_argument(
        "--fail-level",
        choices=[severity.value for severity in Severity],
        default=Severity.ERROR.value,
        help="the severity from which on a finding makes the verdict NO_GO (default: %(default)s)",
    )
    parser.add_argument(
        "--since",
        metavar="FILE",
        help="show what changed since this earlier answer (of --format json --output FILE), not since the last run",
    )
    parser.add_argument(
        "--no-memory",
        action="store_true",
        help="neither compare with the last run nor remember this one; what is remembered are ids and messages of "
        "findings, in a folder of your account, never in the site's",
    )
    parser.add_argument("--list", action="store_true", help="show which checks there are, and ask none")
    add_output_arguments(parser, formats=("table", "json", "markdown", *_FORMATS))


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Survey the site, run the checks and print the answers.

    Raises:
        UsageError: there is no path from the version to the target.
        UpgradeKitError: the site's folder is none, or a rules file is wrong.
    """
    if arguments.list:
        return _list(arguments, streams)
    # A misspelt word is told before the site is looked at.
    chosen, left_out = select(load_checks().checks, only=arguments.only, skip=arguments.skip)
    since = None if arguments.since is None else read_since(arguments.since)
    if left_out:
        looked = look_for(chosen, arguments, streams, quiet=arguments.quiet)
    else:
        looked = look(arguments, streams, quiet=arguments.quiet)
    deployment, path = looked.deployment, looked.path
    preflight = run_preflight(
        deployment,
        looked.way,
        only=arguments.only,
        skip=arguments.skip,
        fail_level=Severity(arguments.fail_level),
        time_limit_seconds=arguments.time_limit,
    )
    memory, known = _memory(arguments, streams, default_site(arguments.site, arguments.database))
    earlier = since or known.run
    changes = None if earlier is None else changes_since(earlier, preflight)
    _write(preflight, changes, deployment, path, arguments, streams)
    if memory is not None:
        untold = remember(memory, remembered(preflight, deployment.observed_at, known.run))
        _tell_notes((known.note, untold or f"This run is remembered in {memory}"), arguments, streams)
    return _exit(preflight.verdict)


def _memory(arguments: Namespace, streams: Streams, site: str | None) -> tuple[Path | None, Recalled]:
    """Return the file that remembers the last run, unless nobody wants it, and what it holds."""
    if arguments.no_memory:
        return None, Recalled(None)
    versions = (arguments.source, arguments.target)
    file = memory_file(streams.environment, site=site, database=arguments.database, versions=versions)
    return file, Recalled(None) if file is None else recall(file)


def _tell_notes(notes: Iterable[str], arguments: Namespace, streams: Streams) -> None:
    if arguments.verbose:
        encoding = streams.err.encoding or "utf-8"
        for note in filter(None, notes):
            streams.err.write(f"{visible(note, encoding)}\n")


def _write(
    preflight: Preflight,
    changes: Changes | None,
    deployment: Deployment,
    path: UpgradePath | Unobserved,
    arguments: Namespace,
    streams: Streams,
) -> None:
    if arguments.format == "json":
        document = preflight_document(preflight, path=path, deployment=deployment, changes=changes)
        streams.emit(to_json(document), arguments)
    elif arguments.format in _FORMATS:
        streams.emit(_FORMATS[arguments.format](preflight, path=path, deployment=deployment), arguments)
    elif arguments.format == "markdown":
        streams.emit(preflight_markdown(preflight, path=path, deployment=deployment, changes=changes), arguments)
    else:
        _show(preflight, changes, deployment, path, arguments, streams)


def _list(arguments: Namespace, streams: Streams) -> Exit:
    loaded = load_checks()
    checks, _ = select(loaded.checks, only=arguments.only, skip=arguments.skip)
    if not arguments.only:
        checks = (*checks, *OWN_CHECKS)
    width = table_width(streams.out) if arguments.output is None else None
    shown: dict[str, Callable[[Sequence[Check[Any]]], str]] = {
        "table": partial(render_checks, width=width),
        "json": lambda them: to_json(checks_document(them)),
        "markdown": checks_markdown,
    }
    if arguments.format not in shown:
        raise UsageError(f"--list has no format {arguments.format}", hint=f"Its formats are {', '.join(shown)}.")
    streams.emit(shown[arguments.format](checks), arguments)
    wrong = [result for result in (check.judge(loaded) for check in OWN_CHECKS) if isinstance(result.result, Found)]
    for result in wrong:
        _tell(result, streams)
    return Exit.FINDINGS if wrong else Exit.DONE


def _tell(result: CheckResult, streams: Streams) -> None:
    encoding = streams.err.encoding or "utf-8"
    for finding in result.result.findings if isinstance(result.result, Found) else ():
        streams.err.write(f"{result.id}  {visible(finding.message, encoding)}\n")


def _show(
    preflight: Preflight,
    changes: Changes | None,
    deployment: Deployment,
    path: UpgradePath | Unobserved,
    arguments: Namespace,
    streams: Streams,
) -> None:
    in_file = StringIO() if arguments.output is not None else None
    console = make_console(
        streams.out if in_file is None else in_file,
        color=streams.color(arguments) if in_file is None else False,
    )
    render_preflight(
        preflight,
        console,
        path=path,
        deployment=deployment,
        changes=changes,
        verbose=arguments.verbose,
        quiet=arguments.quiet,
    )
    if in_file is not None:
        streams.emit(in_file.getvalue(), arguments)


def _exit(verdict: Verdict) -> Exit:
    match verdict:
        case Verdict.GO:
            return Exit.DONE
        case Verdict.NO_GO:
            return Exit.FINDINGS
        case Verdict.UNKNOWN:
            return Exit.FAILED
        case _:
            assert_never(verdict)
