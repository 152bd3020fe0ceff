"""What time it is, by this machine and by the database's server, and what the database holds of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from upgrade_kit.model.unobserved import Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Moments in UTC, so that no time zone matters.

    Attributes:
        here: when this machine's clock was read, right before the server's.
        server: what the server's clock said, or why not; not asked of SQLite, which has none.
        newest: ``(moment, place)`` of the newest row that the site itself stamped; ``(None, place)`` where it has none,
            or why that is not known.
    """

    here: datetime
    server: datetime | Unobserved
    newest: tuple[datetime | None, str] | Unobserved
