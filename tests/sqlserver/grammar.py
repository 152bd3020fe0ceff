r"""Whether a statement is T-SQL: read by sqlglot, or of a form that sqlglot has no grammar for.

Those forms are written down here after Microsoft's syntax pages (``learn.microsoft.com/sql/t-sql/statements/<page>``),
as far as upgrade-kit uses them.
"""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp

_NAME = r"(?:\[(?:[^\]]|\]\])+\]|[A-Za-z_]\w*)"
_TABLE = rf"(?:{_NAME}\.)?{_NAME}"
_TEXT = r"N?'(?:[^']|'')*'"
_DEVICE = rf"DISK = {_TEXT}"


def _options(*options: str) -> str:
    one = f"(?:{'|'.join(options)})"
    return rf"(?: WITH {one}(?:, {one})*)?"


_MEDIA = ("CHECKSUM", "NO_CHECKSUM", "STOP_ON_ERROR", "CONTINUE_AFTER_ERROR", r"STATS(?: = \d+)?", r"FILE = \d+")
_MOVE = rf"MOVE {_TEXT} TO {_TEXT}"
FORMS = {
    # backup-transact-sql
    "BACKUP DATABASE": rf"{_NAME} TO {_DEVICE}"
    + _options(
        *("COPY_ONLY", "COMPRESSION", "NO_COMPRESSION", "INIT", "NOINIT", "FORMAT", "NOFORMAT", "SKIP", "NOSKIP"),
        *(rf"NAME = {_TEXT}", rf"DESCRIPTION = {_TEXT}", *_MEDIA[:5]),
    ),
    # restore-statements-verifyonly-transact-sql, -headeronly-, -filelistonly-, restore-statements-transact-sql
    "RESTORE VERIFYONLY": rf"FROM {_DEVICE}" + _options("LOADHISTORY", _MOVE, *_MEDIA),
    "RESTORE HEADERONLY": rf"FROM {_DEVICE}" + _options(*_MEDIA),
    "RESTORE FILELISTONLY": rf"FROM {_DEVICE}" + _options(*_MEDIA),
    "RESTORE DATABASE": rf"{_NAME}(?: FROM {_DEVICE})?"
    + _options("REPLACE", "RECOVERY", "NORECOVERY", "RESTART", "RESTRICTED_USER", _MOVE, *_MEDIA),
    # alter-database-transact-sql-set-options, drop-database-transact-sql
    "ALTER DATABASE": rf"{_NAME} SET (?:(?:SINGLE|MULTI|RESTRICTED)_USER(?: WITH ROLLBACK IMMEDIATE)?"
    r"|ALLOW_SNAPSHOT_ISOLATION (?:ON|OFF)|OFFLINE(?: WITH ROLLBACK IMMEDIATE)?|ONLINE)",
    "DROP DATABASE": rf"(?:IF EXISTS )?{_NAME}",
    # set-transaction-isolation-level-transact-sql, set-lock-timeout-transact-sql, set-identity-insert-transact-sql
    "SET TRANSACTION ISOLATION LEVEL": "(?:READ UNCOMMITTED|READ COMMITTED|REPEATABLE READ|SNAPSHOT|SERIALIZABLE)",
    "SET LOCK_TIMEOUT": r"-?\d+",
    "SET IDENTITY_INSERT": rf"{_TABLE} (?:ON|OFF)",
    # alter-table-transact-sql
    "ALTER TABLE": rf"{_TABLE} (?:WITH (?:NO)?CHECK )?(?:NO)?CHECK CONSTRAINT (?:ALL|{_NAME})",
    # xp_fixeddrives has no page of its own; Microsoft names it in that of sys.dm_os_volume_stats
    "EXEC master.dbo.xp_fixeddrives": "",
    # database-console-commands: dbcc-checkdb-transact-sql, dbcc-checkident-transact-sql
    "DBCC CHECKDB": rf"\((?:{_TEXT}|{_NAME})(?:, NOINDEX)?\)"
    + _options("NO_INFOMSGS", "ALL_ERRORMSGS", "PHYSICAL_ONLY", "TABLOCK", "DATA_PURITY", "EXTENDED_LOGICAL_CHECKS"),
    "DBCC CHECKIDENT": rf"\((?:{_TEXT}|{_TABLE})(?:, (?:NORESEED|RESEED(?:, -?\d+)?))?\)" + _options("NO_INFOMSGS"),
}


def check_tsql(batch: str) -> None:
    """Raise ValueError where a batch is no T-SQL."""
    for statement in _split(batch):
        if not _is_written_down(statement):
            _check_with_sqlglot(statement)


def _split(batch: str) -> list[str]:
    found, start = [], 0
    try:
        tokens = sqlglot.tokenize(batch, read="tsql")
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(f"no T-SQL: {batch}") from error
    for token in tokens:
        if token.token_type is sqlglot.TokenType.SEMICOLON:
            found.append(batch[start : token.start])
            start = token.end + 1
    return [part.strip() for part in (*found, batch[start:]) if part.strip()]


def _is_written_down(statement: str) -> bool:
    """Return whether it is of one of the forms; blanks count as one where they stand outside of texts and names."""
    parts = re.split(rf"({_TEXT}|\[(?:[^\]]|\]\])+\])", statement)
    plain = "".join(part if place % 2 else re.sub(r"\s+", " ", part) for place, part in enumerate(parts)).strip()
    for verb, rest in FORMS.items():
        if re.match(rf"{verb}\b", plain, re.IGNORECASE):
            fits = re.fullmatch(rf"{verb} ?{rest}", plain, re.IGNORECASE) is not None
            if not fits and verb != "ALTER TABLE":  # which has forms that sqlglot reads
                raise ValueError(f"no T-SQL: {statement}")
            return fits
    return False


def _check_with_sqlglot(statement: str) -> None:
    try:
        trees = sqlglot.parse(statement, read="tsql")
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(f"no T-SQL: {statement}") from error
    # What sqlglot has no grammar for it passes through as a Command, or reads as an alias or a block.
    if len(trees) != 1 or not isinstance(
        trees[0],
        exp.Query | exp.DML | exp.DDL | exp.Set | exp.Drop | exp.Alter | exp.TruncateTable | exp.Use | exp.Delete,
    ):
        raise ValueError(f"sqlglot has no grammar for it, and it is not written down: {statement}")
