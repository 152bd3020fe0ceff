"""What does not keep to the preconditions of the migrations ahead. Counts, and names the first few; reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.database import as_number, as_text, read_schema
from upgrade_kit.deployment.drift import read_drift, read_orphans
from upgrade_kit.deployment.first_rows import SHOWN, first_rows, shown
from upgrade_kit.deployment.names_ahead import (
    long_tolerance_names,
    modality_names,
    tolerance_names,
    torn_scripts,
    unknown_choices,
    unwhole_choices,
)
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.path import Release
from upgrade_kit.model.precondition import DataAhead, Demand, Examined, Offenders, Precondition, TableDrift
from upgrade_kit.model.shape import Models
from upgrade_kit.model.unobserved import Unobserved

NOBODY = Offenders(count=0, named=())


def read_data_ahead(
    address: DatabaseAddress,
    releases: tuple[Release, ...],
    preconditions: Sequence[Precondition],
    models: Sequence[Models],
) -> DataAhead | Unobserved:
    """Hold a database against the preconditions of every hop that may be ahead of its schema.

    Args:
        address: where the database is.
        releases: the nodes of the version graph, by which the schema is told.
        preconditions: those of every hop.
        models: what is known of each version's tables.

    Raises:
        DatabaseError: it cannot be opened, or its tables or its history cannot be read.
    """
    with open_database(address) as session:
        tables = session.table_names()
        schema = read_schema(session, tables, releases)
        if schema.version is None or schema.towards is not None:
            return Unobserved("the schema is at the end of no version's migrations, see UK301 and UK302", asked=False)
        ahead = [item for item in preconditions if item.source >= schema.version]
        drift = read_drift(session, tables, schema.version, models)
        orphans = read_orphans(session, schema.version, models)
        lacking = isinstance(drift, TableDrift) and bool(drift.missing or drift.absent)
        return DataAhead(
            vendor=session.vendor,
            examined=tuple(
                Examined(
                    precondition=item,
                    offenders=NOBODY if _leads_somewhere(item, orphans) else _examined(session, item, lacking=lacking),
                )
                for item in ahead
            ),
            orphans=orphans,
            drift=drift,
        )


def _leads_somewhere(wanted: Precondition, orphans: tuple[str, ...] | Unobserved) -> bool:
    """Tell whether it is settled already that every row of a reference is there; asking again takes its time."""
    if wanted.demand is not Demand.REFERENCE or isinstance(orphans, Unobserved):
        return False
    return not any(orphan.startswith(f"{wanted.table}.{wanted.columns[0]} -> ") for orphan in orphans)


def _examined(session: Session, wanted: Precondition, *, lacking: bool) -> Offenders | Unobserved:
    """Where tables are lacking, what needs them is no other fault than that."""
    try:
        return _FINDERS[wanted.demand](session, wanted)
    except DatabaseError as error:
        told = f"tables or columns are lacking, see UK321: {error.message}" if lacking else error.message
        return Unobserved(told, asked=not lacking)


def _duplicates(session: Session, wanted: Precondition) -> Offenders:
    columns = [session.column(wanted.table, name) for name in wanted.columns]
    known = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    listed = ", ".join(columns)
    source = f"FROM {session.quote(wanted.table)} WHERE {known} GROUP BY {listed} HAVING COUNT(*) > 1"
    count = session.fetch(f"SELECT COUNT(*) FROM (SELECT COUNT(*) AS times {source}) twice")  # noqa: S608 - quoted
    if not (found := as_number(count[0][0])):
        return NOBODY
    rows = first_rows(session, f"SELECT {listed}, COUNT(*) {source} ORDER BY {listed}")
    named = tuple(f"{', '.join(map(shown, row[:-1]))} ({row[-1]} rows)" for row in rows)
    return Offenders(count=found, named=named)


def _offending(
    session: Session, wanted: Precondition, condition: str, params: Sequence[object] = (), *, tell: bool = True
) -> Offenders:
    """Count and name the rows of the table, called ``r``, that meet the condition."""
    column = f"r.{session.quote(wanted.columns[0])}"
    key = f"r.{session.quote('id')}"
    source = f"FROM {session.quote(wanted.table)} r"
    if wanted.to:
        source += f" LEFT JOIN {session.quote(wanted.to)} o ON o.{session.quote('id')} = {column}"
    values = list(params)
    if wanted.of_test_type:
        info, test = session.quote("qa_unittestinfo"), session.quote("qa_test")
        text = f"r.{session.quote('string_value')}"
        source += (
            f" JOIN {info} i ON i.{session.quote('id')} = r.{session.quote('unit_test_info_id')}"
            f" JOIN {test} t ON t.{session.quote('id')} = i.{session.quote('test_id')}"
        )
        condition = f"t.{session.quote('type')} = %s AND {text} <> '' AND {condition}"
        values.insert(0, wanted.of_test_type)
    source += f" WHERE {condition}"
    found = as_number(session.fetch(f"SELECT COUNT(*) {source}", values)[0][0])
    if not found:
        return NOBODY
    rows = first_rows(session, f"SELECT {key}, {column} {source} ORDER BY {key}", values)
    named = tuple(f"id {key}: {shown(value)}" if tell else f"id {key}" for key, value in rows)
    return Offenders(count=found, named=named)


def _nulls(session: Session, wanted: Precondition) -> Offenders:
    return _offending(session, wanted, f"r.{session.quote(wanted.columns[0])} IS NULL", tell=False)


def _lost(session: Session, wanted: Precondition) -> Offenders:
    column = f"r.{session.quote(wanted.columns[0])}"
    return _offending(session, wanted, f"{column} IS NOT NULL AND o.{session.quote('id')} IS NULL")


def _too_long(session: Session, wanted: Precondition) -> Offenders:
    """Count in characters, as the limit does. A CHAR of any length loses its blanks again in LENGTH and LEN."""
    length = {"microsoft": "LEN", "mysql": "CHAR_LENGTH"}.get(session.vendor, "LENGTH")
    taken = f"{length}(r.{session.quote(wanted.columns[0])})"
    if "{id}" in wanted.prefix:
        taken += f" + {length}(CAST(r.{session.quote('id')} AS CHAR(20)))"
    room = (wanted.most or 0) - len(wanted.prefix.replace("{id}", ""))
    return _offending(session, wanted, f"{taken} > %s", (room,))


def _others(session: Session, wanted: Precondition) -> Offenders:
    places = ", ".join(["%s"] * len(wanted.values))
    return _offending(session, wanted, f"r.{session.quote(wanted.columns[0])} NOT IN ({places})", wanted.values)


def _several(session: Session, wanted: Precondition) -> Offenders:
    found = _having(session, wanted)
    return found if found.count > 1 else NOBODY


def _having(session: Session, wanted: Precondition) -> Offenders:
    return _offending(session, wanted, f"r.{session.quote(wanted.columns[0])} = %s", wanted.values[:1], tell=False)


def _unfinished(session: Session, wanted: Precondition) -> Offenders:
    """Compare as text: a boolean is a type of its own on one server and a number on another."""
    column = f"CAST(r.{session.quote(wanted.columns[0])} AS CHAR(5))"
    return _offending(session, wanted, f"{column} IN ('1', 'true')", tell=False)


def _numbers_taken(session: Session, wanted: Precondition) -> Offenders:
    """PostgreSQL alone keeps a counter beside the table, which copying rows leaves behind."""
    if session.vendor != "postgresql":
        return NOBODY
    column = wanted.columns[0]
    sequence = session.fetch("SELECT pg_get_serial_sequence(%s, %s)", (session.quote(wanted.table), column))[0][0]
    if sequence is None:
        return NOBODY
    last, called = session.fetch(f"SELECT last_value, is_called FROM {sequence}")[0]  # noqa: S608 - the server's own
    sql = f"SELECT MAX({session.quote(column)}) FROM {session.quote(wanted.table)}"  # noqa: S608 - quoted
    highest = session.fetch(sql)[0][0]
    coming = as_number(last) + (1 if called else 0)
    if highest is None or as_number(highest) < coming:
        return NOBODY
    return Offenders(count=1, named=(f"the next would be {coming}, and rows go up to {highest}",))


def _other_history(session: Session, wanted: Precondition) -> Offenders:
    tables = session.table_names()
    if "south_migrationhistory" not in tables or (wanted.to and wanted.to not in tables):
        return NOBODY
    rows = session.select("south_migrationhistory", "migration", where=("app_name", wanted.table))
    applied = {as_text(row[0]) for row in rows}
    named = [f"{name} is not applied" for name in wanted.values if name not in applied]
    named += [f"{shown(name)} is applied" for name in sorted(applied.difference(wanted.values))]
    return Offenders(count=len(named), named=tuple(named[:SHOWN]))


def _in_the_way_for_a_moment(session: Session, wanted: Precondition) -> Offenders:
    """SQLite alone has its tables changed by making them again under another name."""
    if session.vendor != "sqlite":
        return NOBODY
    named = [table for table in session.table_names() if table in wanted.values]
    return Offenders(count=len(named), named=tuple(named[:SHOWN]))


def _other_constraints(session: Session, wanted: Precondition) -> Offenders:
    """On SQLite the table is made again, whatever constraints it had."""
    if session.vendor == "sqlite":
        return NOBODY
    there = session.unique_constraints(wanted.table)
    found = [name for name, columns in there if sorted(columns) == sorted(wanted.columns)]
    if len(found) == 1:
        return NOBODY
    many = f"{len(found)} unique constraints ({', '.join(map(shown, found))})" if found else "no unique constraint"
    return Offenders(count=1, named=(f"{many} on {', '.join(wanted.columns)}",))


def _other_engines(session: Session, _wanted: Precondition) -> Offenders:
    if session.vendor != "mysql":
        return NOBODY
    rows = session.fetch(
        "SELECT table_name, engine FROM information_schema.tables WHERE table_schema = DATABASE() "
        "AND table_type = 'BASE TABLE' AND engine <> 'InnoDB' ORDER BY table_name"
    )
    return Offenders(count=len(rows), named=tuple(f"{as_text(name)} ({as_text(kind)})" for name, kind in rows))


_FINDERS: dict[Demand, Callable[[Session, Precondition], Offenders]] = {
    Demand.UNIQUE: _duplicates,
    Demand.REQUIRED: _nulls,
    Demand.REFERENCE: _lost,
    Demand.LENGTH: _too_long,
    Demand.CHOICES: unknown_choices,
    Demand.WHOLE_CHOICES: unwhole_choices,
    Demand.MODALITY_NAMES: modality_names,
    Demand.TOLERANCE_NAMES: tolerance_names,
    Demand.TOLERANCE_LENGTHS: long_tolerance_names,
    Demand.ONE_OF: _others,
    Demand.SINGLE: _several,
    Demand.NONE: _having,
    Demand.UNFINISHED: _unfinished,
    Demand.NUMBERING: _numbers_taken,
    Demand.HISTORY: _other_history,
    Demand.SCRIPTS: torn_scripts,
    Demand.LEFTOVER: _in_the_way_for_a_moment,
    Demand.CONSTRAINT: _other_constraints,
    Demand.ENGINE: _other_engines,
}
