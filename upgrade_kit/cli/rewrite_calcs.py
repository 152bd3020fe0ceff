"""``upgrade-kit rewrite-calcs``: what calculation procedures must become; write it, or take it back."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import (
    add_backup_argument,
    add_output_arguments,
    add_site_arguments,
    backup_folders,
    default_site,
)
from upgrade_kit.cli.streams import Streams, reader_has_gone
from upgrade_kit.cli.workers import workers
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.approvals import read_approvals
from upgrade_kit.deployment.migrate_log import read_migrate_log
from upgrade_kit.deployment.store import FIRST_WITH_BIN_FILE, apply_rewrites, undo_rewrites
from upgrade_kit.deployment.survey import resolve_address, survey
from upgrade_kit.errors import ApplyError, BackupError, DatabaseError, UsageError
from upgrade_kit.model.backup import OTHER_DATABASE, Backup
from upgrade_kit.model.deployment import (
    Database,
    Deployment,
    Schema,
    SchemaState,
)
from upgrade_kit.model.explanation import Explanation
from upgrade_kit.model.finding import Severity
from upgrade_kit.model.journal import Journal
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.nearest import did_you_mean
from upgrade_kit.model.rewrite import Outcome, Procedure, RewritePlan
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.report.document import rewrites_document, to_json
from upgrade_kit.report.explanation import Explained, explanations_document, render_explanations
from upgrade_kit.report.rewrites import Run, render_rewrites
from upgrade_kit.report.terminal import make_console, progress
from upgrade_kit.rewriting.explain import explain_other, explain_procedure
from upgrade_kit.rewriting.plan import choices_change, neighbours, plan_rewrites

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``rewrite-calcs``."""
    add_site_arguments(parser, versions=False)
    parser.add_argument("--log", metavar="FILE", help="migrate.log, or what the migration showed on the screen")
    for option, help_text in (
        ("--only", "write no other test than this one"),
        ("--include", "also write the change that a review proposes for this test"),
        ("--exclude", "do not write this test"),
    ):
        parser.add_argument(
            option,
            metavar="SLUG",
            action="append",
            default=[],
            help=f"{help_text}; may be given more than once",
        )
    parser.add_argument(
        "--approved",
        metavar="FILE",
        help="write only what this export of the page of 'upgrade-kit report' approves, and only as it was shown",
    )
    parser.add_argument(
        "--no-python2",
        action="store_true",
        help="leave what only Python 2 can run alone, and report it for review",
    )
    parser.add_argument(
        "--jobs", metavar="N", type=_jobs, help="processes that share the work (default: 1; on large sites one a CPU)"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--apply", action="store_true", help="write what is shown")
    action.add_argument(
        "--explain",
        metavar="SLUG",
        help="tell the story of one test's answer: where the file goes, rules, what was ruled out",
    )
    action.add_argument("--undo", metavar="JOURNAL", help="put back exactly what an apply has changed")
    add_backup_argument(parser)
    parser.add_argument("--no-backup", action="store_true", help="apply without a verified backup")
    parser.add_argument(
        "--journal-dir", metavar="DIR", default=".", help="where --apply puts its journal (default: here)"
    )
    add_output_arguments(parser)


def _jobs(text: str) -> int:
    try:
        jobs = int(text)
    except ValueError:
        jobs = 0
    if jobs < 1:
        raise ArgumentTypeError(f"{text}: a whole number from 1 on is wanted")
    return jobs


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Show the plan; with ``--apply`` write it; with ``--undo`` take an apply back.

    Raises:
        UpgradeKitError: the site, the log or the database cannot be read, or a write was refused.
    """
    if arguments.approved is not None and (arguments.undo is not None or arguments.explain is not None):
        raise UsageError("--approved goes with neither --undo nor --explain", hint="Leave one of them out.")
    if arguments.undo is not None:
        return _undo(arguments, streams)
    approvals = None if arguments.approved is None else read_approvals(arguments.approved)
    site = default_site(arguments.site, arguments.database)
    log = None if arguments.log is None else read_migrate_log(arguments.log)
    deployment = survey(
        site,
        database=arguments.database,
        password=streams.password(),
        interpreters=False,
        data=False,
        server=False,
        environment=streams.environment,
        backup_folders=backup_folders(site, arguments.database, arguments.backup) if arguments.apply else (),
    )
    database = _readable(deployment)
    if arguments.explain is not None:
        return _explain(deployment, database, arguments, streams)
    if log is None and isinstance(deployment.migrate_log, MigrateLog):
        log = deployment.migrate_log
    assert not isinstance(database.procedures, Unobserved)  # noqa: S101 - _readable made sure
    shown = nullcontext() if arguments.quiet else _progress(streams, arguments)
    with shown as step, workers(arguments.jobs, sum(bool(test.source) for test in database.procedures)) as executor:
        plan = plan_rewrites(
            deployment,
            log=log,
            only=arguments.only,
            include=arguments.include,
            exclude=arguments.exclude,
            python2=not arguments.no_python2,
            approvals=approvals,
            executor=executor,
            progress=step,
        )
    if arguments.apply:
        with told_where_it_stands(Path(arguments.journal_dir)):
            journal = _apply(plan, deployment, arguments, streams)
            _answer(plan, deployment, database, log, arguments, streams, journal=journal)
        return Exit.DONE
    _answer(plan, deployment, database, log, arguments, streams, journal=None)
    undecided = any(item.rewrite.outcome in (Outcome.REVIEW, Outcome.ERROR) for item in plan.items)
    breaks = any(finding.severity is Severity.ERROR for other in plan.others for finding in other.findings)
    return Exit.FINDINGS if plan.changes or undecided or breaks else Exit.DONE


def _progress(streams: Streams, arguments: Namespace) -> AbstractContextManager[Callable[[int, int | None], None]]:
    return progress(streams.err, "Looking at procedures", unit="procedures", color=streams.color(arguments))


def _explain(deployment: Deployment, database: Database, arguments: Namespace, streams: Streams) -> Exit:
    """Show the story of each test with the macro name that was asked for; the status is as of a run for these alone."""
    assert not isinstance(database.procedures, Unobserved)  # noqa: S101 - _readable made sure
    named = [procedure for procedure in database.procedures if procedure.slug == arguments.explain]
    if not named:
        raise _nothing_to_explain(arguments.explain, database)
    known = neighbours(deployment, database.procedures)
    explained = []
    for procedure in named:
        if procedure.type == "upload":
            story = explain_procedure(procedure.source, slug=procedure.slug, python2=not arguments.no_python2)
        else:
            story = explain_other(procedure, known, choices_change=choices_change(deployment))
        explained.append(
            Explained(
                procedure=procedure,
                story=story,
                next_steps=tuple(_next_steps(procedure, story, _forecast(deployment), arguments)),
            )
        )
    if arguments.format == "json":
        version = None if isinstance(deployment.version, Unobserved) else str(deployment.version)
        document = explanations_document(explained, slug=arguments.explain, version=version, database=database.url)
        streams.emit(to_json(document), arguments)
    else:
        _show(streams, arguments, lambda console: render_explanations(explained, console))
    settled = all(
        (one.story.rewrite is None or one.story.rewrite.outcome is Outcome.UNCHANGED)
        and not any(found.severity is Severity.ERROR for found in one.story.findings)
        for one in explained
    )
    return Exit.DONE if settled else Exit.FINDINGS


def _nothing_to_explain(slug: str, database: Database) -> UsageError:
    assert not isinstance(database.procedures, Unobserved)  # noqa: S101 - _readable made sure
    macro_names = () if isinstance(database.macro_names, Unobserved) else database.macro_names
    if any(test.slug == slug for test in macro_names):
        return UsageError(f"--explain {slug}: this test has no calculation procedure", hint="Name one that has.")
    slugs = sorted({procedure.slug for procedure in database.procedures})
    return UsageError(
        f"--explain {slug}: no test has this macro name",
        hint=did_you_mean(slug, slugs)
        or (f"There are: {', '.join(slugs[:12])}." if slugs else "No test here has a calculation procedure."),
    )


def _next_steps(procedure: Procedure, story: Explanation, forecast: str | None, arguments: Namespace) -> Iterator[str]:
    command = _again("rewrite-calcs", arguments)
    only = f"{command} --only {quoted(procedure.slug)}"
    edits = story.rewrite is not None and bool(story.rewrite.edits)
    outcome = None if story.rewrite is None else story.rewrite.outcome
    if outcome is Outcome.UNCHANGED or (outcome is None and not story.findings):
        yield "There is nothing to do."
        return
    if edits and forecast is not None:
        yield f"Nothing can be written yet: {forecast}"
    elif outcome is Outcome.REWRITE:
        yield f"To write it:  {only} --apply"
    elif edits:
        yield f"To write the proposed edits all the same:  {only} --include {quoted(procedure.slug)} --apply"
    if outcome is not Outcome.REWRITE:
        yield f"To change it by hand: QATrack+'s admin, Tests, {procedure.name!r}. Then again:"
        yield f"    {command} --explain {quoted(procedure.slug)}"


def _show(streams: Streams, arguments: Namespace, render: Callable[[Console], None]) -> None:
    """Render to the screen, or to the file of ``--output``."""
    in_file = StringIO() if arguments.output is not None else None
    render(make_console(in_file or streams.out, color=False if in_file else streams.color(arguments)))
    if in_file is not None:
        streams.emit(in_file.getvalue(), arguments)


def _readable(deployment: Deployment) -> Database:
    """Return the database whose procedures could be read.

    Raises:
        DatabaseError: they could not.
    """
    database = deployment.database
    if isinstance(database, Unobserved):
        raise DatabaseError(
            f"the database cannot be read: {database.reason}", hint="Name the right one with --database URL."
        )
    if isinstance(database.procedures, Unobserved):
        raise DatabaseError(
            f"the calculation procedures cannot be read: {database.procedures.reason}",
            hint="Is this QATrack+'s database? Name the right one with --database URL.",
        )
    return database


@contextmanager
def told_where_it_stands(folder: Path) -> Iterator[None]:
    """Name the journal, if there is one, when an apply is interrupted or its answer cannot be shown."""
    before = set(folder.glob("upgrade-kit-journal-*.json"))
    try:
        yield
    except (KeyboardInterrupt, OSError) as problem:
        begun = sorted(set(folder.glob("upgrade-kit-journal-*.json")) - before)
        if not begun or (isinstance(problem, OSError) and reader_has_gone(problem)):
            raise
        way_back = f"This tells, and takes it back: upgrade-kit rewrite-calcs --undo {quoted(str(begun[0]))}"
        if isinstance(problem, KeyboardInterrupt):
            raise KeyboardInterrupt(f"the change may have been written already. {way_back}") from None
        raise ApplyError(
            f"the change was written, but what was done cannot be shown ({problem.strerror})", hint=way_back
        ) from problem


def _apply(plan: RewritePlan, deployment: Deployment, arguments: Namespace, streams: Streams) -> Journal | None:
    address = _address(arguments, streams)
    folder = Path(arguments.journal_dir)
    if not folder.is_dir():
        raise UsageError(f"--journal-dir {folder}: there is no such folder", hint="Make it, or name another.")
    backups = deployment.backups
    backup: Backup | None = None
    if not arguments.no_backup and not isinstance(backups, Unobserved) and backups.current:
        backup = backups.current[0]
    if backup is None and not arguments.no_backup and plan.changes and not _forecast(deployment):
        stale = () if isinstance(backups, Unobserved) else backups.stale
        own = [(path, reason) for path, reason in stale if not reason.startswith(OTHER_DATABASE)]
        reasons = "".join(f" {path.name}: {reason}." for path, reason in own[:3])
        raise BackupError(
            f"{address.shown}: there is no verified backup of it as it stands now; nothing was written.{reasons}",
            hint=f"Type: {_again('backup', arguments)}  (if there is one elsewhere, add --backup with its folder; "
            "--no-backup does without)",
        )
    return apply_rewrites(
        plan, database=address, backup=backup, journal_folder=folder, without_backup=arguments.no_backup
    )


def _undo(arguments: Namespace, streams: Streams) -> Exit:
    given = arguments.database is not None or arguments.site is not None
    address = _address(arguments, streams) if given else None
    journal = undo_rewrites(Path(arguments.undo), database=address, password=streams.password())
    if arguments.format == "json":
        text = to_json(
            {
                "schema": 1,
                "command": "rewrite-calcs",
                "undone": True,
                "journal": str(journal.path),
                "state": journal.state.value,
                "tests": [row.slug for row in journal.rows],
                "note": journal.note,
            }
        )
    else:
        text = f"{journal.note}\nJournal: {journal.path} ({journal.state.value})\n"
    streams.emit(text, arguments)
    return Exit.DONE


def _address(arguments: Namespace, streams: Streams) -> DatabaseAddress:
    site = default_site(arguments.site, arguments.database)
    address = resolve_address(site, database=arguments.database, password=streams.password())
    if isinstance(address, Unobserved):
        raise DatabaseError(
            f"the site does not say where its database is: {address.reason}",
            hint="Name it with --database URL.",
        )
    return address


def _answer(
    plan: RewritePlan,
    deployment: Deployment,
    database: Database,
    log: MigrateLog | None,
    arguments: Namespace,
    streams: Streams,
    *,
    journal: Journal | None,
) -> None:
    written_to = None if journal is None else str(journal.path)
    if arguments.format == "json":
        version = None if isinstance(deployment.version, Unobserved) else str(deployment.version)
        document = rewrites_document(
            plan,
            version=version,
            database=database.url,
            applied=journal is not None,
            journal=written_to,
            log=log,
        )
        streams.emit(to_json(document), arguments)
        return
    remarks = []
    if arguments.no_backup and arguments.apply and journal is not None:
        remarks.append("No backup (--no-backup): the journal is the only way back.")
    if journal is not None:
        remarks.append(f"{journal.note} The column modified was left as it is. Journal: {journal.path}")
    run = Run(
        command=_again("rewrite-calcs", arguments),
        applied=arguments.apply,
        journal=written_to,
        remarks=tuple(remarks),
    )
    _show(
        streams,
        arguments,
        lambda console: render_rewrites(
            plan,
            console,
            forecast=_forecast(deployment),
            verbose=arguments.verbose,
            quiet=arguments.quiet,
            log=log,
            run=run,
        ),
    )


def _forecast(deployment: Deployment) -> str | None:
    """Return why nothing can be applied here yet, or None where it can."""
    schema = deployment.database.schema if isinstance(deployment.database, Database) else None
    if not isinstance(schema, Schema):
        return "the schema's version is not known, so nothing can be applied here."
    match schema.state:
        case SchemaState.COMPLETE if schema.version is not None and schema.version >= FIRST_WITH_BIN_FILE:
            return None
        case SchemaState.COMPLETE:
            return f"the database is at {schema.span}; BIN_FILE exists from 0.3.0 on, so apply after the upgrade."
        case SchemaState.PARTIAL:
            return "the migration of this database stopped half way; finish it or restore the backup first."
        case SchemaState.SKIPPED:
            return "this database was taken past 0.2.9 and its data is spoilt; restore the backup first."
        case _:
            return "this is not the database of a QATrack+ version that the kit knows; nothing can be applied here."


def _again(command: str, arguments: Namespace) -> str:
    """Return what to type for a command on the same site, without a password."""
    words = ["upgrade-kit", command]
    if arguments.site is not None:
        words.append(quoted(arguments.site))
    if arguments.database is not None:
        address = resolve_address(None, database=arguments.database)
        shown = arguments.database if isinstance(address, Unobserved) or address.vendor == "sqlite" else address.shown
        words += ["--database", quoted(shown)]
    if command == "rewrite-calcs":
        for option, names in (
            ("--log", [arguments.log] if arguments.log else []),
            ("--only", arguments.only),
            ("--include", arguments.include),
            ("--exclude", arguments.exclude),
            ("--approved", [arguments.approved] if arguments.approved else []),
            ("--backup", arguments.backup),
        ):
            for name in names:
                words += [option, quoted(name)]
        if arguments.no_python2:
            words.append("--no-python2")
    return " ".join(words)
