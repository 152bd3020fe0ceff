"""Every error that upgrade-kit raises on purpose.

    UpgradeKitError
    ├── UsageError            the request itself cannot be carried out as put
    │   └── VersionError      unknown version, downgrade, no path, cycle
    ├── RulesError            a rules file is wrong (names file, key and reason)
    ├── SiteError             the folder or one of its files cannot be read
    ├── LogError              migrate.log cannot be read as one
    ├── DatabaseError         the database cannot be opened, read or written
    │   └── DriverMissingError   the driver is not installed (names the extra)
    ├── BackupError           a backup could not be made, verified or restored
    │   └── ProgramError      a client program of the database is missing, too old, or silent
    ├── JournalError          a journal is damaged or belongs elsewhere
    ├── ApprovalsError        a file of approvals is none, or is damaged; names the place in it
    ├── UpgradeError          an upgrade cannot begin or go on
    │   ├── OtherDatabaseError   the settings lead to another database than the one that is being upgraded
    │   └── StepFailedError      a step stopped or is not proved; says what leads on and what leads back
    └── ApplyError            an apply or undo was refused or stopped; says what was written, if anything
        ├── NotReadyError     the database is not at a version where the change may be written
        └── RowChangedError   a row no longer holds the text that was shown

Each message says what and where; ``hint`` says what to do next.
"""

from __future__ import annotations


class UpgradeKitError(Exception):
    """An error with a sentence for the person at the console.

    Args:
        message: what is wrong and where, one line.
        hint: what to type or do next; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}  {self.hint}" if self.hint else self.message


class UsageError(UpgradeKitError):
    """What was asked for cannot be done as it was put."""


class VersionError(UsageError):
    """A version is unknown, or there is no upgrade path between two versions."""


class RulesError(UpgradeKitError):
    """A rules file is wrong.

    Args:
        file: the file, as the person can find it.
        key: dotted key inside the file, or ``""`` for the file as a whole.
        reason: what is wrong with it.
    """

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file = file
        self.key = key
        self.reason = reason


class SiteError(UpgradeKitError):
    """The site's folder, or a file in it, cannot be read as what it should be."""


class LogError(UpgradeKitError):
    """A migration log cannot be read as one."""


class DatabaseError(UpgradeKitError):
    """The database cannot be opened, read or written."""


class DriverMissingError(DatabaseError):
    """The Python driver for this vendor is not installed."""


class BackupError(UpgradeKitError):
    """A backup could not be made, verified or restored."""


class ProgramError(BackupError):
    """A client program of the database server is missing, too old, or does not answer.

    It says nothing of the backup at hand.
    """


class JournalError(UpgradeKitError):
    """A journal is damaged, or belongs to another database."""


class ApprovalsError(UpgradeKitError):
    """A file of approvals is none, or is damaged."""


class UpgradeError(UpgradeKitError):
    """An upgrade cannot begin, go on, or be taken back."""


class OtherDatabaseError(UpgradeError):
    """The site's settings lead to another database than the one whose upgrade has begun."""


class StepFailedError(UpgradeError):
    """A step of an upgrade stopped, or its proof is missing.

    Args:
        message: what failed and why.
        hint: what leads on, and what leads back.
        step: the step's id.
        last_lines: the end of what its program printed.
        refused: whether the step is a check that said no, so that nothing is broken.
    """

    def __init__(
        self, message: str, *, hint: str, step: str, last_lines: tuple[str, ...] = (), refused: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.step = step
        self.last_lines = last_lines
        self.refused = refused


class ApplyError(UpgradeKitError):
    """An apply or an undo was refused or stopped; the message says what was written, if anything."""


class NotReadyError(ApplyError):
    """The database is not at a version where this change may be written."""


class RowChangedError(ApplyError):
    """A row no longer holds the text that was shown; nothing was written."""
