"""The first few rows of a query, whatever the vendor, and what they hold in words."""

from __future__ import annotations

from collections.abc import Sequence

from upgrade_kit.deployment.connection import Session

SHOWN = 10
_SHOWN_CHARACTERS = 60


def first_rows(
    session: Session, sql: str, params: Sequence[object] = (), *, most: int = SHOWN
) -> list[tuple[object, ...]]:
    """Run a query that begins with SELECT and return its first rows.

    Raises:
        DatabaseError: with the server's own words.
    """
    if session.vendor == "microsoft":
        return session.fetch(f"SELECT TOP {most} {sql.removeprefix('SELECT ')}", params)
    return session.fetch(f"{sql} LIMIT {most}", params)


def shown(value: object) -> str:
    """Return a value as it can stand in a message: on one line, and not too long."""
    text = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | bytearray | memoryview) else str(value)
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable if len(printable) <= _SHOWN_CHARACTERS else f"{printable[:_SHOWN_CHARACTERS]}..."
