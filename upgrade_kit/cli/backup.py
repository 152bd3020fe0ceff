"""``upgrade-kit backup``: make a backup and prove it; prove an old one; restore one."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.method import METHODS
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import BACKUPS, add_output_arguments, add_site_arguments, default_site
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.address import parse_database_url
from upgrade_kit.deployment.manifests import manifest_document, read_manifest
from upgrade_kit.deployment.survey import resolve_address
from upgrade_kit.errors import DatabaseError, UsageError
from upgrade_kit.model.backup import Backup
from upgrade_kit.model.deployment import Unobserved
from upgrade_kit.report.backup import render_created, render_restored, render_verified
from upgrade_kit.report.document import to_json
from upgrade_kit.report.terminal import progress

_USAGE = """upgrade-kit backup [SITE] [--database URL] [--method auto|native|json] [--to-dir DIR] [--drill] [options]
       upgrade-kit backup verify MANIFEST [--database URL] [--drill] [options]
       upgrade-kit backup restore MANIFEST --database URL [--replace] [options]"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line of ``backup`` and of its forms ``verify`` and ``restore``."""
    parser.usage = _USAGE
    add_site_arguments(parser, versions=False)
    parser.add_argument(
        "manifest",
        nargs="?",
        metavar="MANIFEST",
        help="after verify or restore: the .manifest.json of a backup",
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help="how to make the backup; this version has native for SQLite (default: %(default)s)",
    )
    parser.add_argument("--to-dir", metavar="DIR", default=BACKUPS, help="where the backup goes (default: %(default)s)")
    parser.add_argument(
        "--server-dir",
        metavar="DIR",
        default="",
        help="SQL Server: folder of the server for a native backup, as the server sees it (default: the server's own)",
    )
    parser.add_argument(
        "--drill",
        action="store_true",
        help="prove the backup by restoring it under another name too; the copy is removed again",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="restore over a database that holds data; the old file is kept beside it",
    )
    add_output_arguments(parser)


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Make, verify or restore a backup, by the first word."""
    if arguments.site != "restore" and arguments.replace:
        raise UsageError(
            "--replace belongs to restore",
            hint="A new backup never overwrites an old one: upgrade-kit backup [SITE]",
        )
    match arguments.site:
        case "verify":
            return _verify(arguments, streams)
        case "restore":
            return _restore(arguments, streams)
        case _:
            return _create(arguments, streams)


def _create(arguments: Namespace, streams: Streams) -> Exit:
    if arguments.manifest is not None:
        raise UsageError(
            f"backup takes one SITE, or verify or restore before a manifest, not {arguments.site!r}",
            hint="Type: upgrade-kit backup --help",
        )
    site = default_site(arguments.site, arguments.database)
    address = resolve_address(
        None if site is None else Path(site), database=arguments.database, password=streams.password()
    )
    if isinstance(address, Unobserved):
        raise DatabaseError(
            f"the site does not say where its database is: {address.reason}",
            hint="Name it with --database URL.",
        )
    shown = (
        nullcontext()
        if arguments.quiet
        else progress(streams.err, "Copying the database", color=streams.color(arguments))
    )
    with shown as step:
        backup = create_backup(
            address,
            to_dir=Path(arguments.to_dir),
            method=arguments.method,
            progress=step,
            server_folder=arguments.server_dir,
            drill=arguments.drill,
        )
    return _answer(backup, render_created, arguments, streams)


def _verify(arguments: Namespace, streams: Streams) -> Exit:
    manifest = _manifest(arguments)
    database = arguments.database or _server_of(manifest)
    address = None if database is None else parse_database_url(database, base=Path.cwd(), password=streams.password())
    backup = verify_backup(manifest, database=address, drill=arguments.drill)
    return _answer(backup, render_verified, arguments, streams)


def _server_of(manifest: Path) -> str | None:
    """Return the database of a backup that only its server can read."""
    known = read_manifest(manifest)
    made = known.made if isinstance(known, Backup) else known
    return made.database if made.on_server else None


def _restore(arguments: Namespace, streams: Streams) -> Exit:
    manifest = _manifest(arguments)
    if arguments.database is None:
        raise UsageError("restore needs to be told where to", hint="Add --database sqlite:///FILE")
    address = parse_database_url(arguments.database, base=Path.cwd(), password=streams.password())
    backup = restore_backup(manifest, database=address, replace=arguments.replace)
    return _answer(backup, render_restored, arguments, streams)


def _manifest(arguments: Namespace) -> Path:
    if arguments.manifest is None:
        raise UsageError(
            f"backup {arguments.site} needs a manifest",
            hint=f"Type: upgrade-kit backup {arguments.site} FILE.manifest.json",
        )
    return Path(arguments.manifest)


def _answer(backup: Backup, render: Callable[[Backup], str], arguments: Namespace, streams: Streams) -> Exit:
    as_json = arguments.format == "json"
    streams.emit(to_json(manifest_document(backup)) if as_json else render(backup), arguments)
    return Exit.DONE
