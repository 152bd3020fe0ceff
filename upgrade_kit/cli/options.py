"""The options that several commands share."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from upgrade_kit.cli.streams import without_passwords
from upgrade_kit.errors import UsageError

BACKUPS = "upgrade-kit-backups"


class Parser(ArgumentParser):
    """A parser whose messages hold no password, even where a URL was typed in the wrong place.

    Attributes:
        options_of_command: the options of the command that is named, which the parser above it suggests.
    """

    options_of_command: tuple[str, ...] = ()

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, with what was perhaps meant, and end with status 2."""
        from upgrade_kit.cli.suggestions import suggestion  # noqa: PLC0415 - only for who has misspelt

        meant = suggestion(message, self.options_of_command)
        super().error(without_passwords(f"{message}{meant and f'. {meant}'}"))


def add_site_arguments(parser: ArgumentParser, *, versions: bool = True) -> None:
    """Add SITE and ``--database``, and with ``versions`` also ``--from`` and ``--to``."""
    parser.add_argument(
        "site",
        nargs="?",
        metavar="SITE",
        help="folder of the QATrack+ checkout (default: the current folder, unless --database is given)",
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help="sqlite:///file, mssql://user:password@host/name?driver=..., postgresql://..., mysql://...; "
        "overrides the settings; the password may come from UPGRADE_KIT_PASSWORD",
    )
    parser.add_argument("--ask-password", action="store_true", help="ask for the database's password, unseen")
    if versions:
        parser.add_argument("--from", dest="source", metavar="VERSION", help="version to start from")
        parser.add_argument(
            "--to", dest="target", metavar="VERSION", default="0.3.0", help="target (default: %(default)s)"
        )


def add_output_arguments(parser: ArgumentParser, *, formats: Sequence[str] = ("table", "json")) -> None:
    """Add ``--format``, ``--output``, ``--no-color``, ``-v`` and ``-q``."""
    parser.add_argument("--format", choices=formats, default=formats[0], help="default: %(default)s")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write the answer here; replaces no file but an earlier answer, and none that is a table",
    )
    parser.add_argument("--no-color", action="store_true", help="no colour")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="tell more")
    parser.add_argument("-q", "--quiet", action="store_true", help="tell only the answer")


def default_site(site: str | None, database: str | None) -> str | None:
    """Return the site folder that is meant: the current one where neither site nor database is given.

    Raises:
        UsageError: a database URL was typed where the folder belongs.
    """
    if site is not None and "://" in site:
        raise UsageError("SITE is a folder, and this is a database URL", hint="Type --database before it.")
    return "." if site is None and database is None else site


def add_backup_argument(parser: ArgumentParser) -> None:
    """Add ``--backup``."""
    parser.add_argument(
        "--backup",
        metavar="DIR_OR_MANIFEST",
        action="append",
        default=[],
        help="where to look for a backup besides the usual folders; may be given more than once",
    )


def backup_folders(site: str | None, database: str | None, named: Sequence[str]) -> tuple[Path, ...]:
    """Return where backups are looked for, each with the folders below it.

    These are the current folder, the site's, the one in which ``upgrade`` and the scripts of ``plan`` keep theirs
    unless they are told another, the one that holds a SQLite database, and what was named.
    """
    usual = [Path.cwd()]
    if site is not None:
        usual.append(Path(site))
        kept = f"{os.path.realpath(site)}-upgrade"
        usual += [Path(kept)] if os.path.isdir(kept) else []  # noqa: PTH112 - one that is closed is no error here
    if database is not None and database.startswith("sqlite:///"):
        usual.append(Path(database.removeprefix("sqlite:///").partition("?")[0]).parent)
    return tuple(dict.fromkeys(folder.absolute() for folder in (*usual, *map(Path, named))))


def backup_folder(named: Sequence[str]) -> Path:
    """Return where a backup is to go: the last folder that was named, else the one that ``backup`` makes."""
    folders = [path for path in map(Path, named) if not path.is_file()]
    return (folders[-1] if folders else Path(BACKUPS)).absolute()
