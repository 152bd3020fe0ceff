"""Tells, before MySQL is told to drop anything, whether this login can put all of it back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from upgrade_kit.deployment.connection import Session
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.backup import UnverifiedBackup

_PART = rb"`(?:[^`]|``)*`"
# How mysqldump and mariadb-dump begin a view, a trigger or event, and a routine.
_DEFINER = re.compile(rb"(?:/\*!\d+ |/\*!\d+ CREATE\*/ /\*!\d+ |CREATE )DEFINER=(%b(?:@%b)?)" % (_PART, _PART))
_REFUSED = "(1227)"  # ER_SPECIFIC_ACCESS_DENIED_ERROR: the definer is another, and that takes a right of its own


def refuse_definers(session: Session, dumps: Iterable[UnverifiedBackup], name: str) -> None:
    """Refuse dumps with views, triggers, events or routines in the name of users for whom this login may make none.

    The server is asked for a view under a name that is taken. It looks at the definer first, and makes none either way.

    Args:
        session: opened for writing.
        dumps: what is to be loaded, and what may have to be loaded again.
        name: of a table or view that is there, quoted.

    Raises:
        BackupError: one of them cannot be loaded by this login.
    """
    for dump in dumps:
        for definer in sorted(set(_definers(dump))):
            try:
                session.execute(f"CREATE DEFINER = {definer} VIEW {name} AS SELECT 1")
            except DatabaseError as error:
                if _REFUSED not in error.message:
                    continue
                raise BackupError(
                    f"{session.address.shown}: nothing was changed: this login may not make what belongs to "
                    f"{definer.replace('`', '')} in {dump.file.name} (views, triggers, events or routines)",
                    hint="Use a login with the right SUPER, SET USER or SET_ANY_DEFINER.",
                ) from error


def refuse_routines(session: Session, routines: Iterable[tuple[str, str]]) -> None:
    """Ask for a change that changes nothing of each routine: it takes the same right as to drop it.

    Args:
        session: opened for writing.
        routines: kind and quoted name.

    Raises:
        DatabaseError: with the server's own words.
    """
    for kind, name in routines:
        session.execute(f"ALTER {kind} {name}")


def _definers(dump: UnverifiedBackup) -> Iterator[str]:
    with dump.file.open("rb") as lines:
        for line in lines:
            if found := _DEFINER.match(line):
                yield found[1].decode("utf-8", "surrogateescape")
