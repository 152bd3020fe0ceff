"""``upgrade-kit backup``: make a backup and prove it; prove an old one; restore one; list them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.fixture_proof import inspect_fixture
from upgrade_kit.backup.leftovers import left_by_backups, left_by_restores
from upgrade_kit.backup.listing import list_backups
from upgrade_kit.backup.method import METHODS
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.standing import told_where_it_stands
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import BACKUPS, add_output_arguments, add_site_arguments, default_site
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.manifests import SUFFIX, manifest_document, read_manifest
from upgrade_kit.deployment.survey import find_uploads, resolve_address
from upgrade_kit.errors import DatabaseError, UsageError
from upgrade_kit.model.backup import Backup
from upgrade_kit.model.nearest import did_you_mean
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.report.backup import (
    inspected_document,
    listed_document,
    render_created,
    render_inspected,
    render_listed,
    render_restored,
    render_verified,
)
from upgrade_kit.report.document import to_json
from upgrade_kit.report.terminal import progress

_VERBS = ("verify", "restore", "list")
_USAGE = """upgrade-kit backup [SITE] [--database URL] [--method auto|native|json]
                          [--gzip] [--loaddata] [--to-dir DIR] [--no-uploads]
                          [--drill] [options]
       upgrade-kit backup verify MANIFEST [--database URL] [--drill] [options]
       upgrade-kit backup verify DUMP.json [options]
       upgrade-kit backup restore MANIFEST [--database URL [--replace]]
                          [--uploads-to DIR] [options]
       upgrade-kit backup list [DIR ...] [--database URL] [options]"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line of ``backup`` and of its forms ``verify``, ``restore`` and ``list``."""
    parser.usage = _USAGE
    add_site_arguments(parser, versions=False)
    parser.add_argument(
        "places",
        nargs="*",
        metavar="MANIFEST",
        help="after verify or restore: the .manifest.json of a backup (verify: or a JSON dump that has none); "
        "after list: folders",
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help="native: the database's own way; json: a Django fixture; auto: native where it can be used, else json "
        "(default: %(default)s)",
    )
    parser.add_argument("--gzip", action="store_true", help="write the JSON dump as .json.gz; implies --method json")
    parser.add_argument(
        "--loaddata",
        action="store_true",
        help="write the JSON dump so that the site's own manage.py loaddata takes it into a database that syncdb and "
        "migrate have just made; implies --method json",
    )
    parser.add_argument("--to-dir", metavar="DIR", default=BACKUPS, help="where the backup goes (default: %(default)s)")
    parser.add_argument(
        "--no-uploads", action="store_true", help="leave the site's uploaded files (media/uploads) out of the backup"
    )
    parser.add_argument(
        "--client-dir",
        metavar="DIR",
        help="folder of pg_dump and its companions, or of mysqldump and mysql (default: they are looked for)",
    )
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
        help="restore over a database that holds data; what is there is kept: an SQLite file beside the new one, "
        "any other database as a backup beside the manifest",
    )
    parser.add_argument(
        "--uploads-to",
        metavar="DIR",
        help="restore: unpack the uploaded files here; the folder must not exist yet, or be empty",
    )
    add_output_arguments(parser)


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Make, verify, restore or list backups, by the first word."""
    if arguments.site != "restore":
        _refuse_of_restore(arguments)
    match arguments.site:
        case "verify":
            return _verify(arguments, streams)
        case "restore":
            return _restore(arguments, streams)
        case "list":
            return _list(arguments, streams)
        case _:
            return _create(arguments, streams)


def _refuse_of_restore(arguments: Namespace) -> None:
    if arguments.replace:
        raise UsageError(
            "--replace belongs to restore",
            hint="A new backup never overwrites an old one: upgrade-kit backup [SITE]",
        )
    if arguments.uploads_to is not None:
        raise UsageError("--uploads-to belongs to restore", hint="A backup holds the uploads of SITE by itself.")


def _create(arguments: Namespace, streams: Streams) -> Exit:
    if arguments.places:
        raise UsageError(
            f"backup takes one SITE, or {', '.join(_VERBS[:-1])} or {_VERBS[-1]} before a folder or manifest, not "
            f"{arguments.site!r}",
            hint=f"{did_you_mean(arguments.site, _VERBS)} Type: upgrade-kit backup --help".lstrip(),
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
    _tell_of(left_by_backups(Path(arguments.to_dir)), streams)
    with _shown("Backing up", arguments, streams) as step:
        backup = create_backup(
            address,
            to_dir=Path(arguments.to_dir),
            method=arguments.method,
            progress=step,
            server_folder=arguments.server_dir,
            drill=arguments.drill,
            client_dir=_client_dir(arguments),
            uploads=_uploads(site, arguments),
            compress=arguments.gzip,
            loaddata=arguments.loaddata,
        )
    return _answer(backup, render_created, arguments, streams)


def _tell_of(leftovers: tuple[Path, ...], streams: Streams) -> None:
    for path in leftovers:
        streams.err.write(
            f"upgrade-kit: {path} was left by a run that was killed, and is of no use. Delete it, unless another "
            "upgrade-kit is at work there.\n"
        )


def _uploads(site: str | None, arguments: Namespace) -> Path | Unobserved | None:
    if arguments.no_uploads:
        return Unobserved("--no-uploads was typed")
    return None if site is None else find_uploads(Path(site))


def _shown(
    what: str, arguments: Namespace, streams: Streams
) -> AbstractContextManager[Callable[[int, int | None], None] | None]:
    return nullcontext() if arguments.quiet else progress(streams.err, what, color=streams.color(arguments))


def _client_dir(arguments: Namespace) -> Path | None:
    return None if arguments.client_dir is None else Path(arguments.client_dir)


def _verify(arguments: Namespace, streams: Streams) -> Exit:
    manifest = _manifest(arguments)
    if "manifest" not in manifest.name.lower():
        of_dump = manifest.with_name(manifest.name.removesuffix(".gz").removesuffix(".json") + SUFFIX)
        if not of_dump.exists():
            return _inspect(manifest, arguments, streams)
        manifest = of_dump
    database = arguments.database or _server_of(manifest, drill=arguments.drill)
    address = None if database is None else parse_database_url(database, base=Path.cwd(), password=streams.password())
    with _shown("Verifying", arguments, streams) as step:
        backup = verify_backup(
            manifest, database=address, progress=step, drill=arguments.drill, client_dir=_client_dir(arguments)
        )
    return _answer(backup, render_verified, arguments, streams)


def _inspect(file: Path, arguments: Namespace, streams: Streams) -> Exit:
    """Look through a dump that came without a manifest."""
    found = inspect_fixture(file)
    as_json = arguments.format == "json"
    streams.emit(to_json(inspected_document(found)) if as_json else render_inspected(found), arguments)
    return Exit.DONE


def _server_of(manifest: Path, *, drill: bool) -> str | None:
    """Return the database of a backup that only its server can read, or that is to be drilled on its server."""
    known = read_manifest(manifest)
    made = known.made if isinstance(known, Backup) else known
    return made.database if made.on_server or (drill and made.vendor != "sqlite") else None


def _restore(arguments: Namespace, streams: Streams) -> Exit:
    manifest = _manifest(arguments)
    if arguments.database is None and arguments.uploads_to is None:
        raise UsageError("restore needs to be told where to", hint="Add --database URL, or --uploads-to DIR, or both.")
    if arguments.database is not None and "database" in getattr(arguments, "untyped", {}):
        raise UsageError(
            f"restore needs to be told where to, and {arguments.untyped['database']} is no telling",
            hint="Type --database URL.",
        )
    database = _named_database(arguments, streams)
    if database is not None and database.vendor == "sqlite":
        _tell_of(left_by_restores(Path(database.name).resolve()), streams)
    if arguments.uploads_to is not None:
        _tell_of(left_by_restores(Path(arguments.uploads_to)), streams)
    with told_where_it_stands(manifest, database):
        with _shown("Restoring", arguments, streams) as step:
            backup = restore_backup(
                manifest,
                database=database,
                replace=arguments.replace,
                progress=step,
                client_dir=_client_dir(arguments),
                uploads_to=None if arguments.uploads_to is None else Path(arguments.uploads_to),
                server_folder=arguments.server_dir,
            )
        return _answer(backup, render_restored, arguments, streams)


def _list(arguments: Namespace, streams: Streams) -> Exit:
    folders = [Path(place) for place in arguments.places] or [Path()]
    listed = list_backups(folders, _named_database(arguments, streams))
    as_json = arguments.format == "json"
    streams.emit(to_json(listed_document(listed)) if as_json else render_listed(listed, folders), arguments)
    return Exit.DONE


def _named_database(arguments: Namespace, streams: Streams) -> DatabaseAddress | None:
    if arguments.database is None:
        return None
    return parse_database_url(arguments.database, base=Path.cwd(), password=streams.password())


def _manifest(arguments: Namespace) -> Path:
    if len(arguments.places) != 1:
        raise UsageError(
            f"backup {arguments.site} needs one manifest",
            hint=f"Type: upgrade-kit backup {arguments.site} FILE.manifest.json",
        )
    return Path(arguments.places[0])


def _answer(backup: Backup, render: Callable[[Backup], str], arguments: Namespace, streams: Streams) -> Exit:
    as_json = arguments.format == "json"
    streams.emit(to_json(manifest_document(backup)) if as_json else render(backup), arguments)
    return Exit.DONE
