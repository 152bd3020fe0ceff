"""What a dump holds, told from its own rows as they go by, in the words of ``database_fingerprint``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from upgrade_kit.deployment.fingerprint import HISTORY_TABLES, rows_digest
from upgrade_kit.model.backup import Content

# What of which table is kept for the digests, in the order of ``id``.
_KEPT = {
    "qa_test": ("id", "calculation_procedure"),
    **{table: ("id", app, name) for table, app, name in HISTORY_TABLES},
}


class DumpedContent:
    """Counts rows by table and keeps the few columns that are digested."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._kept: dict[str, list[tuple[int, tuple[bytes | None, ...]]]] = {}

    def table(self, name: str) -> None:
        """Note a table; one without rows has no other sign."""
        self._rows.setdefault(name, 0)

    def add_rows(self, table: str, number: int) -> None:
        """Count rows of a table."""
        self._rows[table] = self._rows.get(table, 0) + number

    @property
    def tables(self) -> Collection[str]:
        """The tables that were seen."""
        return self._rows.keys()

    def add_unseen(self, other: DumpedContent, *, only: Collection[str] | None) -> None:
        """Take from another what is not here yet, of the tables that are named, or of all."""
        for table in other.tables:
            if table not in self._rows and (only is None or table in only):
                self._rows[table] = other._rows[table]
                self._kept[table] = other._kept.get(table, [])

    @staticmethod
    def wants(table: str, columns: Sequence[str]) -> tuple[int, ...]:
        """Return the places of the columns whose values are to be given to ``keep``; none for most tables."""
        wanted = _KEPT.get(table, ())
        return tuple(columns.index(name) for name in wanted) if set(wanted) <= set(columns) else ()

    def keep(self, table: str, values: Sequence[bytes | None]) -> None:
        """Take the values of the wanted columns of one row."""
        self._kept.setdefault(table, []).append((int(values[0] or 0), tuple(values)))

    def content(self) -> Content:
        """Return what was counted and digested."""
        return Content(
            rows=tuple(sorted(self._rows.items())),
            history_sha256=rows_digest(
                (table, *values[1:]) for table, _, _ in HISTORY_TABLES for _, values in self._sorted(table)
            ),
            procedures_sha256=rows_digest(values for _, values in self._sorted("qa_test")),
        )

    def _sorted(self, table: str) -> list[tuple[int, tuple[bytes | None, ...]]]:
        return sorted(self._kept.get(table, []), key=lambda kept: kept[0])
