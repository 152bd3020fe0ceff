"""What PostgreSQL says of itself, with no more rights than any login has.

Sources: the manual of PostgreSQL, "System Information Functions", "System Catalogs", "The Cumulative Statistics
System"; version 9.3 has every name that is asked for, but for the replication slots.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from packaging.version import Version

from upgrade_kit.deployment.own_connections import POSTGRESQL_KEY
from upgrade_kit.deployment.server_answers import Asked, flag, not_of, number, one, seen, text
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.server import (
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

_RELATIONS = """
    SELECT n.nspname, c.relname, c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner)::text, {columns}
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ({kinds}) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY n.nspname, c.relname"""
QUERIES = {
    "version": "SELECT current_setting('server_version_num')",
    "login": (
        "SELECT session_user::text, current_user::text, current_schema()::text, "
        "COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false)"
    ),
    "tables": _RELATIONS.format(
        kinds="'r', 'p'",
        columns="pg_catalog.pg_has_role(c.relowner, 'USAGE'), has_table_privilege(c.oid, 'SELECT'), "
        "has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') "
        "AND has_table_privilege(c.oid, 'DELETE')",
    ),
    "sequences": _RELATIONS.format(kinds="'S'", columns="has_sequence_privilege(c.oid, 'SELECT')"),
    "encoding": (
        "SELECT pg_catalog.pg_encoding_to_char(encoding)::text, datcollate::text FROM pg_catalog.pg_database "
        "WHERE datname = current_database()"
    ),
    "size": "SELECT pg_database_size(current_database())",
    "folder": "SELECT current_setting('data_directory')",
    "sessions": (
        f"SELECT {POSTGRESQL_KEY}, usename::text, application_name, COALESCE(client_addr::text, ''), state "  # noqa: S608 - words of the kit's own
        "FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND usename IS NOT NULL ORDER BY pid"
    ),
    "standing": (
        "SELECT pg_is_in_recovery(), reset_val FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'"
    ),
    "prepared": (
        "SELECT gid, owner::text FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() ORDER BY gid"
    ),
    "slots": "SELECT slot_name::text FROM pg_catalog.pg_replication_slots WHERE NOT active ORDER BY slot_name",
}
_FIRST_WITH_SLOTS = Version("9.4")
_TWO_NUMBERS_SINCE = 100000  # from 10 on a version has two parts


def read(session: Asked, *, is_here: bool) -> Server:
    """Ask a server; ``is_here`` tells whether it runs on this machine."""
    identity = seen(_version, session)
    newer = isinstance(identity, Unobserved) or identity.version >= _FIRST_WITH_SLOTS
    return Server(
        vendor="postgresql",
        database=session.name,
        identity=identity,
        rights=seen(_rights, session),
        texts=seen(_texts, session),
        room=seen(_room_here if is_here else _room, session),
        sessions=seen(_sessions, session),
        standing=seen(_standing if newer else _standing_without_slots, session),
        recovery=not_of("PostgreSQL"),
        compatibility_level=not_of("PostgreSQL"),
        engines=not_of("PostgreSQL"),
        file=not_of("PostgreSQL"),
        odbc_drivers=not_of("PostgreSQL"),
    )


def _version(session: Asked) -> Identity:
    said = number(one(session.fetch(QUERIES["version"]))[0])
    numbers = f"{said // 10000}.{said % 10000}"
    if said < _TWO_NUMBERS_SINCE:
        numbers = f"{said // 10000}.{said // 100 % 100}.{said % 100}"
    return Identity(product="PostgreSQL", version=Version(numbers))


def _rights(session: Asked) -> Rights:
    login, user, schema, may_create = one(session.fetch(QUERIES["login"]))
    own, site = text(schema) or "public", set[str]()
    lacking: dict[str, list[str]] = defaultdict(list)
    for where, table, _, _, owns, reads, writes in session.fetch(QUERIES["tables"]):
        place, name = text(where), text(table)
        if name == "qa_test":
            site.add(place)
        if not flag(reads):
            lacking["SELECT"].append(f"{place}.{name}")
        if place == own and not flag(owns):
            lacking["OWNER"].append(name)
        if place == own and not (flag(writes) and flag(reads)):
            lacking["SELECT, INSERT, UPDATE, DELETE"].append(name)
    for where, sequence, _, _, reads in session.fetch(QUERIES["sequences"]):
        if not flag(reads):
            lacking["SELECT"].append(f"{text(where)}.{text(sequence)}")
    asked = (
        ("OWNER", Purpose.MIGRATION),
        ("SELECT, INSERT, UPDATE, DELETE", Purpose.WORK),
        ("SELECT", Purpose.BACKUP),
    )
    create = Right(
        name="CREATE", purpose=Purpose.MIGRATION, held=flag(may_create), on=() if flag(may_create) else (own,)
    )
    others = [Right(name=name, purpose=what, held=not lacking[name], on=tuple(lacking[name])) for name, what in asked]
    return Rights(
        login=text(login),
        user=text(user),
        schema=own,
        site_schemas=tuple(sorted(site)),
        rights=(create, *others),
    )


def _texts(session: Asked) -> Texts:
    encoding, collation = one(session.fetch(QUERIES["encoding"]))
    return Texts(encoding=text(encoding), collation=text(collation))


def _room(session: Asked) -> Room:
    free = Unobserved("the server is on another machine, which does not tell the free room of its disks", asked=False)
    return Room(size_bytes=number(one(session.fetch(QUERIES["size"]))[0]), files=(), free_bytes=free)


def _room_here(session: Asked) -> Room:
    free: int | Unobserved = Unobserved("the server does not tell this login where its data are", asked=False)
    with suppress(DatabaseError):
        folder = Path(text(one(session.fetch(QUERIES["folder"]))[0]))
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            free = Unobserved(f"{folder}: {error.strerror or error}", asked=False)
    return Room(size_bytes=number(one(session.fetch(QUERIES["size"]))[0]), files=(), free_bytes=free)


def _sessions(session: Asked) -> Sessions:
    listed = session.fetch(QUERIES["sessions"])
    own = session.own_keys()  # asked for after the list, which may show some that were only being made
    found = [row for row in listed if str(row[0]) not in own]
    login = text(one(session.fetch(QUERIES["login"]))[0])
    return Sessions(
        others=tuple(
            OtherSession(
                login=text(user),
                program=text(program),
                host=text(host),
                # NULL where the login may not know it
                is_open=None if state is None else "in transaction" in text(state) or text(state) == "active",
            )
            for _, user, program, host, state in found
        ),
        sees_all=True,  # names and numbers of all; what they do only of one's own
        login=login,
    )


def _standing(session: Asked) -> Standing:
    known = _standing_without_slots(session)
    slots = [text(row[0]) for row in session.fetch(QUERIES["slots"])]
    kept = [
        (
            f"the replication slot {slot} is not used by anybody and keeps the server's log from being cleared",
            "",
        )
        for slot in slots
    ]
    return Standing(obstacles=known.obstacles, cautions=known.cautions, notes=tuple(kept))


def _standing_without_slots(session: Asked) -> Standing:
    recovers, reads_only = one(session.fetch(QUERIES["standing"]))
    obstacles: list[tuple[str, str]] = []
    if flag(recovers):
        obstacles.append(("the server is a standby and copies another; only that one can be written to", ""))
    if text(reads_only) == "on":
        what = "transactions of this login or database only read (default_transaction_read_only)"
        name = session.name.replace('"', '""')
        obstacles.append((what, f'ALTER DATABASE "{name}" RESET default_transaction_read_only;'))
    cautions = [
        (
            f"a prepared transaction of {text(owner)} is neither committed nor taken back and keeps its locks",
            "ROLLBACK PREPARED '{}';".format(text(gid).replace("'", "''")),
        )
        for gid, owner in session.fetch(QUERIES["prepared"])
    ]
    return Standing(obstacles=tuple(obstacles), cautions=tuple(cautions))
