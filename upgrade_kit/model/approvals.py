"""What people decided on the procedures that a report showed them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Decision(StrEnum):
    """What somebody decided on one procedure. Where nobody did, there is none."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedProcedure:
    """One procedure, the texts that were shown, and what was decided on them.

    Attributes:
        test_id: primary key in ``qa_test``.
        slug: the test's macro name when it was shown.
        decision: what was decided.
        reviewer: who decided, or ``""``.
        decided_on: when, or None.
        note: what the reviewer wrote, or ``""``.
        before_sha256: digest of the text that was shown; None for NULL.
        after_sha256: digest of the text that was to take its place, likewise.
    """

    test_id: int
    slug: str
    decision: Decision
    reviewer: str
    decided_on: date | None
    note: str
    before_sha256: str | None
    after_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """What the page of ``upgrade-kit report`` exported.

    Attributes:
        source: the file, for messages.
        site: ``(folder, version, database)`` of the site that the page showed; None where it was not known.
        made_at: when it was exported.
        reviewer: who signed the page as a whole, or ``""``.
        decisions: in order of test id, one for each procedure that was decided on.
    """

    source: str
    site: tuple[str | None, str | None, str | None]
    made_at: datetime
    reviewer: str
    decisions: tuple[DecidedProcedure, ...]
