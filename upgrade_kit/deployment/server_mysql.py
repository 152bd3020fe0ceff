"""What MySQL and MariaDB say of themselves.

Sources: the reference manuals of MySQL 5.5 to 8.0 and MariaDB ("SHOW GRANTS", "GRANT", "INFORMATION_SCHEMA",
"Server System Variables").
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from upgrade_kit.deployment.server_answers import Asked, not_of, number, one, seen, text, version
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.server import (
    Engines,
    Identity,
    OtherSession,
    Purpose,
    Right,
    Rights,
    Room,
    Server,
    Sessions,
    Standing,
    Texts,
)
from upgrade_kit.model.unobserved import Unobserved

QUERIES = {
    "version": "SELECT VERSION()",
    "login": "SELECT CURRENT_USER()",
    "roles": "SELECT CURRENT_ROLE()",
    "grants": "SHOW GRANTS",
    "defaults": "SELECT @@character_set_database, @@collation_database, @@default_storage_engine",
    "tables": (
        "SELECT table_name, engine, table_collation, row_format FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY table_name"
    ),
    "columns": (
        "SELECT DISTINCT table_name, character_set_name, collation_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND character_set_name IS NOT NULL ORDER BY table_name"
    ),
    "keys": "SHOW VARIABLES WHERE Variable_name IN ('innodb_large_prefix', 'innodb_default_row_format')",
    "size": (
        "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables "
        "WHERE table_schema = DATABASE()"
    ),
    "folder": "SELECT @@datadir",
    "sessions": (
        "SELECT id, user, host, command FROM information_schema.processlist WHERE db = DATABASE() ORDER BY id"
    ),
    "transactions": "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx",
    "standing": "SELECT @@global.read_only",
}
_NEEDED = (
    *((name, Purpose.WORK) for name in ("SELECT", "INSERT", "UPDATE", "DELETE")),
    *((name, Purpose.MIGRATION) for name in ("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES")),
    *((name, Purpose.BACKUP) for name in ("SELECT", "LOCK TABLES")),
)
_IDENTIFIER = r"(`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|[^\s`'.@]+)"
_GRANT = re.compile(rf"GRANT (.+?) ON (?:TABLE )?(\*|{_IDENTIFIER})\.(\*|{_IDENTIFIER}) TO ", re.IGNORECASE | re.DOTALL)
_PRIVILEGE = re.compile(r"([A-Z][A-Z _]*[A-Z])\s*(\([^)]*\))?\s*(?:,|$)", re.IGNORECASE)
_WILD = {"_": ".", "%": ".*"}
_ROLE = re.compile(rf"{_IDENTIFIER}(?:@{_IDENTIFIER})?")
_COLUMN_KEYS = frozenset(("DYNAMIC", "COMPRESSED"))
_DYNAMIC_SINCE = {"MySQL": Version("5.7.9"), "MariaDB": Version("10.2.2")}


def read(session: Asked, *, is_here: bool) -> Server:
    """Ask a server; ``is_here`` tells whether it runs on this machine."""
    return Server(
        vendor="mysql",
        database=session.name,
        identity=seen(_version, session),
        rights=seen(_rights, session),
        texts=seen(_texts, session),
        room=seen(_room_here if is_here else _room, session),
        sessions=seen(_sessions, session),
        standing=seen(_standing, session),
        recovery=not_of("MySQL"),
        compatibility_level=not_of("MySQL"),
        engines=seen(_engines, session),
        file=not_of("MySQL"),
        odbc_drivers=not_of("MySQL"),
    )


def _version(session: Asked) -> Identity:
    said = text(one(session.fetch(QUERIES["version"]))[0])
    is_maria = "mariadb" in said.lower()
    # Servers of MariaDB once put 5.5.5- before their own number, for old clients.
    found = said.removeprefix("5.5.5-") if is_maria else said
    return Identity(product="MariaDB" if is_maria else "MySQL", version=version(found))


# --- Rights ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grant:
    """Privileges on a database, given as a pattern, or on everything (``*``)."""

    privileges: frozenset[str]
    database: str

    def covers(self, database: str) -> bool:
        r"""Tell whether it holds for a database: ``_`` and ``%`` stand for any letters unless ``\`` is before them."""
        if self.database == "*":
            return True
        pattern = "".join(_WILD.get(part) or re.escape(part[-1]) for part in self._letters)
        return re.fullmatch(pattern, database, re.IGNORECASE | re.DOTALL) is not None

    @property
    def exactness(self) -> int:
        """How many letters stand before the first that stands for any; none such is the most exact."""
        letters = self._letters
        return next((place for place, letter in enumerate(letters) if letter in _WILD), len(letters) + 1)

    @property
    def _letters(self) -> list[str]:
        return re.findall(r"\\.|.", self.database, re.DOTALL)


def grants_in(lines: Iterable[str]) -> Iterator[Grant]:
    """Read what ``SHOW GRANTS`` says of whole databases; grants on single tables, columns and of roles are left out."""
    for line in lines:
        found = _GRANT.match(line)
        if found is None or found[4] != "*":
            continue
        names = {name.upper() for name, columns in _PRIVILEGE.findall(found[1]) if not columns}
        yield Grant(frozenset(names), _unquoted(found[2]))


def _unquoted(name: str) -> str:
    if name[:1] in {"`", "'"} and len(name) > 1:
        return name[1:-1].replace(name[0] * 2, name[0])
    return name


def counting(grants: Iterable[Grant], database: str) -> list[Grant]:
    """Return the grants of one user or role that count for a database: of several patterns only the most exact.

    Source: MySQL Reference Manual, GRANT, "Database Privileges", and MariaDB's, which sort them in that order and
    take the first that fits.
    """
    fitting = [grant for grant in grants if grant.covers(database)]
    named = [grant for grant in fitting if grant.database != "*"]
    best = max((grant.exactness for grant in named), default=0)
    return [grant for grant in fitting if grant.database == "*" or grant.exactness == best]


def _all_grants(session: Asked) -> list[list[Grant]]:
    """Return the grants of the user, then those of each role that is switched on."""
    asked = [QUERIES["grants"], *(f"SHOW GRANTS FOR {role}" for role in _active_roles(session))]
    return [list(grants_in(text(row[0]) for row in session.fetch(sql))) for sql in asked]


def _active_roles(session: Asked) -> list[str]:
    try:
        said = text(one(session.fetch(QUERIES["roles"]))[0])
    except DatabaseError:  # a server that has no roles yet
        return []
    if not said or said.upper() == "NONE":
        return []
    found = [role[0] for role in _ROLE.finditer(said)]
    # MariaDB gives a bare name, MySQL `name`@`host`.
    return [role if role[:1] in "`'" else "`{}`".format(role.replace("`", "``")) for role in found]


def _rights(session: Asked) -> Rights:
    login = text(one(session.fetch(QUERIES["login"]))[0])
    own, *of_roles = [counting(grants, session.name) for grants in _all_grants(session)]
    held = set[str]().union(*(grant.privileges for grants in (own, *of_roles) for grant in grants))
    everything = bool(held & {"ALL", "ALL PRIVILEGES"})
    user, _, host = login.rpartition("@")
    return Rights(
        login=user or login,
        user="'{}'@'{}'".format(user.replace("'", "''"), host.replace("'", "''")),
        schema="",
        site_schemas=(),
        place=next((grant.database for grant in own if grant.database != "*"), ""),
        rights=tuple(Right(name=name, purpose=what, held=everything or name in held) for name, what in _NEEDED),
    )


# --- Texts, engines, room --------------------------------------------------------------------------------


def _texts(session: Asked) -> Texts:
    encoding, collation, _ = one(session.fetch(QUERIES["defaults"]))
    columns = tuple((text(table), text(one_), text(other)) for table, one_, other in session.fetch(QUERIES["columns"]))
    new_short = _new_keys_are_short(session)
    short = [
        text(table)
        for table, engine, _, form in session.fetch(QUERIES["tables"])
        if text(engine).lower() == "innodb" and text(form).upper() not in _COLUMN_KEYS
    ]
    return Texts(
        encoding=text(encoding),
        collation=text(collation),
        tables=columns,
        short_keys=tuple(short),
        new_keys_are_short=new_short,
    )


def _new_keys_are_short(session: Asked) -> bool:
    """Tell whether a key of InnoDB in a new table holds 767 bytes at most, and not 3072."""
    settings = {text(name).lower(): text(value).upper() for name, value in session.fetch(QUERIES["keys"])}
    form = settings.get("innodb_default_row_format")
    if form is not None:
        return form not in _COLUMN_KEYS
    who = _version(session)
    return who.version < _DYNAMIC_SINCE[who.product]


def _engines(session: Asked) -> Engines:
    default = text(one(session.fetch(QUERIES["defaults"]))[2])
    tables = session.fetch(QUERIES["tables"])
    return Engines(default=default, tables=tuple((text(row[0]), text(row[1])) for row in tables))


def _room(session: Asked) -> Room:
    free = Unobserved("the server is on another machine, which does not tell the free room of its disks", asked=False)
    return Room(size_bytes=number(one(session.fetch(QUERIES["size"]))[0]), files=(), free_bytes=free)


def _room_here(session: Asked) -> Room:
    folder = Path(text(one(session.fetch(QUERIES["folder"]))[0]))
    free: int | Unobserved
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        free = Unobserved(f"{folder}: {error.strerror or error}", asked=False)
    return Room(size_bytes=number(one(session.fetch(QUERIES["size"]))[0]), files=(), free_bytes=free)


# --- Sessions, standing ----------------------------------------------------------------------------------


def _sessions(session: Asked) -> Sessions:
    sees_all = any(
        grant.database == "*" and grant.privileges & {"PROCESS", "ALL PRIVILEGES", "ALL"}
        for grants in _all_grants(session)
        for grant in grants
    )
    working: set[int] | None = None
    if sees_all:
        with suppress(DatabaseError):
            working = {number(row[0]) for row in session.fetch(QUERIES["transactions"])}
    found = session.fetch(QUERIES["sessions"])
    own = session.own_keys()  # asked for after the list, which may show some that were only being made
    return Sessions(
        others=tuple(
            OtherSession(
                login=text(user),
                program="",
                host=text(host).rpartition(":")[0] or text(host),
                is_open=None if working is None else number(key) in working,
            )
            for key, user, host, _ in found
            if str(key) not in own
        ),
        sees_all=sees_all,
        login=text(one(session.fetch(QUERIES["login"]))[0]),
    )


def _standing(session: Asked) -> Standing:
    said = text(str(one(session.fetch(QUERIES["standing"]))[0])).upper()
    if said in {"0", "OFF"}:
        return Standing(obstacles=())
    what = f"the server only reads (read_only = {said}), as one does that copies another"
    return Standing(obstacles=((what, "SET GLOBAL read_only = OFF;"),))
