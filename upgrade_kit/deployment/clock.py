"""Asks a database's server for the time, and its tables for the newest moment that the site stamped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import as_text
from upgrade_kit.deployment.moments import exact_moment
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.clock import Clocks
from upgrade_kit.model.unobserved import Unobserved

# In UTC each: seconds since 1970, which has no time zone that could be lost on the way, or a moment.
_NOW = {
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP()",
    "microsoft": "SELECT GETUTCDATE() AS utc_time",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TABLE = "qa_testlistinstance"
# auto_now_add, and set at each change; work_completed is what a person typed (qatrack/qa/models.py).
_STAMPS = ("created", "modified")


def read_clocks(session: Session) -> Clocks:
    """Read both clocks and the newest stamp; what fails alone is ``Unobserved``."""
    here = datetime.now(UTC)
    return Clocks(here=here, server=_server(session), newest=_newest(session))


def _server(session: Session) -> datetime | Unobserved:
    if session.vendor not in _NOW:
        return Unobserved("SQLite has no server with a clock of its own", asked=False)
    try:
        value = session.fetch(_NOW[session.vendor])[0][0]
        text = exact_moment(value)  # FreeTDS may hand a moment over as a text
        if text is not None:
            return datetime.fromisoformat(text)
        return _EPOCH + timedelta(seconds=float(str(value)))
    except DatabaseError as error:
        return Unobserved(f"the server does not tell the time: {error.message}")
    except (ValueError, OverflowError, IndexError):
        return Unobserved("the server's answer is no time")


def _newest(session: Session) -> tuple[datetime | None, str] | Unobserved:
    found: list[tuple[datetime, str]] = []
    try:
        columns = session.column_names(_TABLE)
        for name in _STAMPS:
            if name not in columns:
                return Unobserved(f"{_TABLE} has no column {name}")
            sql = f"SELECT MAX({session.column(_TABLE, name)}) FROM {session.quote(_TABLE)}"  # noqa: S608 - quoted
            value = session.fetch(sql)[0][0]
            if value is None:
                continue
            text = exact_moment(value if isinstance(value, datetime) else as_text(value))
            if text is None:
                return Unobserved(f"{_TABLE}.{name} holds what is no moment: {as_text(value)[:40]!r}")
            found.append((datetime.fromisoformat(text), f"{_TABLE}.{name}"))
    except DatabaseError as error:
        return Unobserved(error.message)
    except ValueError as error:
        return Unobserved(f"{_TABLE} holds what is no moment: {error}")
    return max(found) if found else (None, _TABLE)
