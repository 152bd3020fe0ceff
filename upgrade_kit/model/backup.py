"""A backup, before and after it was proved. Two types, so that none is taken for the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

OTHER_DATABASE = "of another database"  # how the reason begins why a backup does not count


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a database holds at one moment, in values that a backup and its database must agree on.

    Attributes:
        rows: ``(table, number of rows)``, by name.
        history_sha256: digest of the migration history: ``table, app, name`` in order.
        procedures_sha256: digest of every row's id and calculation procedure in ``qa_test``.
        digests: ``(table, SHA-256)``, by name: a digest of all rows in any order, the same on each vendor;
            empty where it was not taken.
    """

    rows: tuple[tuple[str, int], ...]
    history_sha256: str
    procedures_sha256: str
    digests: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """The copy of a site's uploaded files that goes with a backup.

    Attributes:
        file: the archive's path.
        size_bytes: size of the archive.
        sha256: digest of the archive, hexadecimal.
        files: how many files it holds.
        bytes: how many bytes they are, unpacked.
        missing: what could not be read: vanished, no right, no plain file; relative paths with the reason.
        changed: what was written to while it was read; relative paths.
    """

    file: Path
    size_bytes: int
    sha256: str
    files: int
    bytes: int
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedBackup:
    """A backup that was written and not yet proved. No command accepts one.

    Attributes:
        method: ``native`` or ``json``.
        format: ``sqlite``, ``pg_dump``, ``mysqldump``, ``mssql``, ``django-json`` or ``django-loaddata``.
        manifest: the manifest's path.
        file: the backup's path; where ``server_file`` is set, there is no such file on this machine.
        server_file: the backup's path on the database server, in the server's words, where only the server
            can read it; else ``""``.
        database: where it came from, without the password.
        vendor: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        server: product and version, as the server says it.
        site_version: version of the schema when it was made, or ``""`` where it is not known.
        schema_version: the state of the migrations, in words.
        created_at: the moment whose state it holds, in UTC.
        seconds: how long it took to make, without the proof.
        size_bytes: size of the backup file.
        sha256: digest of the backup file, hexadecimal; ``""`` where only the server can read it.
        content: what it holds.
        uploads: the copy of the uploaded files, or None.
    """

    method: str
    format: str
    manifest: Path
    file: Path
    server_file: str = ""
    database: str
    vendor: str
    server: str = ""
    site_version: str
    schema_version: str = ""
    created_at: datetime
    seconds: float = 0.0
    size_bytes: int
    sha256: str
    content: Content
    uploads: Uploads | None = None

    @property
    def on_server(self) -> bool:
        """Whether only the database server can read the backup file."""
        return self.server_file != ""


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


class Standing(StrEnum):
    """How a backup that was found stands to its database."""

    CURRENT = "current"
    STALE = "stale"
    NOT_COMPARED = "not compared"
    NOT_VERIFIED = "not verified"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBackup:
    """A manifest that was found, and what is known of its backup.

    Attributes:
        manifest: the manifest's path.
        made: what it says; None where it cannot be read.
        verified_at: when it was last proved, in UTC; None if never.
        standing: how it stands to its database now.
        reason: why it is not current; ``""`` where it is.
    """

    manifest: Path
    made: UnverifiedBackup | None
    verified_at: datetime | None
    standing: Standing
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedDump:
    """What a dump without a manifest holds.

    Attributes:
        file: the dump.
        objects: ``(model, number of objects)``, by name.
        notes: what a person should know before relying on it, one sentence each.
    """

    file: Path
    objects: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
