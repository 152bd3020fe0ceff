"""What a server's answers are made of, read with care: a part that is not as expected is told, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

from packaging.version import Version

from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.unobserved import Unobserved

Rows: TypeAlias = list[tuple[object, ...]]
PartT = TypeVar("PartT")


class Asked(Protocol):
    """What is asked: an open session."""

    name: str

    def fetch(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run a query and return every row."""

    def own_keys(self) -> frozenset[str]:
        """Return the server's keys of this process's connections: what its list of sessions has first."""


def not_of(vendor: str) -> Unobserved:
    """Return the answer in place of a part that a vendor does not have."""
    return Unobserved(f"{vendor} has no such thing", asked=False)


def seen(read: Callable[[Asked], PartT], session: Asked) -> PartT | Unobserved:
    """Read one part; where that fails, say why, and let the others be."""
    try:
        return read(session)
    except DatabaseError as error:
        return Unobserved(error.message)
    except (LookupError, TypeError, ValueError) as error:
        what = read.__name__.strip("_").replace("_", " ")
        return Unobserved(f"the server's answer on {what} is not understood: {type(error).__name__}: {error}")


def one(rows: Rows) -> tuple[object, ...]:
    """Return the only row of an answer."""
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} rows instead of one")
    return rows[0]


def text(value: object) -> str:
    """Return a text; MySQL gives some as bytes."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    if value is None or isinstance(value, str):
        return value or ""
    raise ValueError(f"a text was expected, not {value!r}")


def number(value: object) -> int:
    """Return a whole number, whatever type the driver has for it."""
    if isinstance(value, int):
        return int(value)
    found = re.fullmatch(r"(-?\d+)(\.0*)?", "" if value is None else str(value))
    if found is None:
        raise ValueError(f"a number was expected, not {value!r}")
    return int(found[1])


def number_or_none(value: object) -> int | None:
    """Return a whole number, or nothing where the server says nothing."""
    return None if value is None else number(value)


def flag(value: object) -> bool:
    """Return yes or no; 0 and 1 count too."""
    if value in (0, 1):
        return bool(value)
    raise ValueError(f"0 or 1 was expected, not {value!r}")


def moment(value: object) -> datetime:
    """Return a moment of the server's own time from ``YYYY-MM-DD HH:MM:SS``."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return datetime.fromisoformat(text(value)).replace(tzinfo=None)


def version(said: str) -> Version:
    """Return the numbers with which a version begins."""
    found = re.match(r"\d+(\.\d+)*", said)
    if found is None:
        raise ValueError(f"no version in {said!r}")
    return Version(found[0])
