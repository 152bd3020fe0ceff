"""A backup, before and after it was proved. Two types, so that none is taken for the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

OTHER_DATABASE = "of another database"  # how the reason begins why a backup does not count


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedBackup:
    """A backup that was written and not yet proved. No command accepts one.

    Attributes:
        method: ``native`` or ``json``.
        manifest: the manifest's path.
        file: the backup's path.
        database: where it came from, without the password.
        vendor: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        site_version: version of the schema when it was made, or ``""`` where it is not known.
        created_at: in UTC.
        size_bytes: size of the backup file.
        sha256: digest of the backup file, hexadecimal.
        rows: ``(table, number of rows)``, by name.
        history_sha256: digest of the migration history: ``table, app, name`` in order.
        procedures_sha256: digest of every row's id and calculation procedure in ``qa_test``.
    """

    method: str
    manifest: Path
    file: Path
    database: str
    vendor: str
    site_version: str
    created_at: datetime
    size_bytes: int
    sha256: str
    rows: tuple[tuple[str, int], ...]
    history_sha256: str
    procedures_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was proved.

    Attributes:
        made: what was written.
        verified_at: in UTC.
        proof: what was checked, one sentence each.
    """

    made: UnverifiedBackup
    verified_at: datetime
    proof: tuple[str, ...]
