"""The backup from which a rollback restores: whether it can be relied on, and what it does not hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.deployment.manifests import changed_content, file_objection, file_sha256, is_of, read_manifest
from upgrade_kit.errors import BackupError, UpgradeError, UpgradeKitError
from upgrade_kit.model.backup import Backup
from upgrade_kit.upgrading.journal import Happening, UpgradeJournal
from upgrade_kit.upgrading.proofs import SiteAccess


def reliable_backup(manifest: Path, site: SiteAccess) -> Backup:
    """Return a backup that is whole and of the site's database.

    Raises:
        UpgradeError: it is not; nothing of the rollback may begin.
    """
    try:
        backup = read_manifest(manifest)
    except BackupError as error:
        raise _unreliable(error.message) from error
    if not isinstance(backup, Backup):
        raise _unreliable(f"{manifest}: it is not verified")
    made = backup.made
    reason = file_objection(made)
    try:
        if not reason and not made.on_server and file_sha256(made.file) != made.sha256:
            reason = f"the backup file {made.file.name} was altered after it was verified"
    except OSError as error:
        reason = f"the backup file {made.file.name} cannot be read ({error.strerror})"
    try:
        if not reason and not is_of(made, site.address()):
            reason = f"it is of {made.database}, and the database of this upgrade is {site.plan.database}"
    except UpgradeKitError:  # the settings lead nowhere, or elsewhere; they are put back, and asked again
        pass
    if reason:
        raise _unreliable(f"{manifest}: {reason}")
    return backup


def told_of(backup: Backup, journal: UpgradeJournal, site: SiteAccess) -> tuple[str, ...]:
    """Return what a person must know before a database is restored, one sentence each."""
    made = backup.made
    since = f"{made.created_at:%Y-%m-%d %H:%M} UTC"
    kept = "kept, as a file beside it (SQLite) or as a backup in the folder of that one"
    return (
        f"The database is restored from {made.manifest}, made {since}. It is {site.plan.database}.",
        *_finished(journal),
        f"!!! What was entered after {since} is not in it. {_changes(journal, site)}".rstrip(),
        f"What the database holds now is {kept}.",
    )


def _finished(journal: UpgradeJournal) -> Iterator[str]:
    at = next((event.at for event in journal.events if event.what is Happening.FINISHED), None)
    if at is not None:
        yield f"The upgrade was finished {at:%Y-%m-%d %H:%M} UTC, and the site may have been in use since."


def _changes(journal: UpgradeJournal, site: SiteAccess) -> str:
    """Name the tables with more or fewer rows now than in the upgrade's last backup, of the migrated database."""
    manifests = [Path(value) for event in journal.events for name, value in event.details if name == "manifest"]
    try:
        last = read_manifest(manifests[-1])
        with open_database(site.address()) as session:
            return _changed_since(last, session) if isinstance(last, Backup) else ""
    except (IndexError, UpgradeKitError):
        return ""


def _changed_since(last: Backup, session: Session) -> str:
    with session.transaction():
        now = database_fingerprint(session)
    if now.history_sha256 != last.made.content.history_sha256:
        return ""  # it is not of the migrated database: nearly every table would differ
    then = dataclasses.replace(now, rows=last.made.content.rows, digests=())
    changed = changed_content(then, dataclasses.replace(now, digests=()))
    moment = f"the upgrade's last backup, {last.made.created_at:%Y-%m-%d %H:%M} UTC"
    return f"Numbers of rows since {moment}: {changed or 'unchanged'}."


def _unreliable(reason: str) -> UpgradeError:
    return UpgradeError(
        f"the backup that would lead back cannot be relied on: {reason}. Nothing was taken back.",
        hint="Put the backup's two files back where they were, from a copy. Or restore another backup that you have: "
        "upgrade-kit backup restore MANIFEST --database URL --replace",
    )
