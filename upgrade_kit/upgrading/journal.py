"""The journal of an upgrade: one line of JSON an event, flushed before the event's work goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from upgrade_kit.deployment.whole_file import write_whole
from upgrade_kit.errors import JournalError
from upgrade_kit.model.plan import Plan
from upgrade_kit.upgrading.plan_codec import decode_plan, encode_plan

JOURNAL_NAME = "upgrade.journal.jsonl"
SCHEMA = 1
KIND = "upgrade-kit upgrade journal"


class Happening(StrEnum):
    """What can be said of a step, or of the upgrade."""

    BEGUN = "begun"
    PROVED = "proved"
    FAILED = "failed"
    ASSUMED = "assumed"  # a person said, with --from-step, that it is done
    LEFT = "left"  # to a person, under --yes
    ROLLBACK_BEGUN = "rollback begun"
    ROLLED_BACK = "rolled back"
    FINISHED = "finished"
    UNDONE = "undone"  # the database was restored to what it was before the step
    AGAIN = "again"  # a person asked for it again, with --from-step


SETTLED = frozenset((Happening.PROVED, Happening.ASSUMED, Happening.LEFT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the journal.

    Attributes:
        what: what happened.
        step: the step's id; empty where the upgrade as a whole is meant.
        at: when, in UTC.
        told: the proof, or the reason.
        details: ``(name, value)`` of what a rollback needs, such as the manifest of a backup.
    """

    what: Happening
    step: str
    at: datetime
    told: str = ""
    details: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class UpgradeJournal:
    """What an upgrade set out to do and how far it has come.

    Attributes:
        path: the file.
        plan: what it set out to do.
        start: ``(name, value)`` of the site as it was before: ``head``, ``branch`` ...
        events: all so far, in order.
    """

    path: Path
    plan: Plan
    start: Mapping[str, str]
    events: list[Event] = field(default_factory=list)

    def add(self, what: Happening, step: str = "", told: str = "", **details: str) -> None:
        """Add an event and have it on disk before this returns.

        Raises:
            JournalError: it cannot be written.
        """
        event = Event(what=what, step=step, at=datetime.now(UTC), told=told, details=tuple(details.items()))
        _append(self.path, _event_line(event))
        self.events.append(event)

    def last(self, step: str) -> Event | None:
        """Return the last event of a step."""
        return next((event for event in reversed(self.events) if event.step == step), None)

    def is_settled(self, step: str) -> bool:
        """Return whether nothing is left to do of a step."""
        last = self.last(step)
        return last is not None and last.what in SETTLED

    def has(self, what: Happening) -> bool:
        """Return whether something ever happened."""
        return any(event.what is what for event in self.events)

    @property
    def is_taken_back(self) -> bool:
        """Whether the upgrade was rolled back to its end, so that another may begin."""
        return bool(self.events) and self.events[-1].what is Happening.ROLLED_BACK

    @property
    def is_over(self) -> bool:
        """Whether it came to its end, or was rolled back to its end, so that another may begin."""
        return bool(self.events) and self.events[-1].what in (Happening.FINISHED, Happening.ROLLED_BACK)

    def began(self, step: str) -> bool:
        """Return whether a step was begun, or is taken as done, since the database was last restored before it."""
        for event in reversed(self.events):
            if event.step == step and event.what in (Happening.BEGUN, Happening.ASSUMED):
                return True
            if event.step == step and event.what is Happening.UNDONE:
                return False
        return False

    def is_half_done(self, step: str) -> bool:
        """Return whether a step was begun and came to no end, or to a bad one."""
        whats = (event.what for event in reversed(self.events) if event.step == step)
        return next((what for what in whats if what is not Happening.FAILED), None) is Happening.BEGUN


def begin_journal(plan: Plan, start: Mapping[str, str]) -> UpgradeJournal:
    """Begin a journal in the plan's work folder. One that is over is kept under another name.

    Raises:
        JournalError: it cannot be written, or one that is not over is there.
    """
    path = plan.work / JOURNAL_NAME
    header = {"schema": SCHEMA, "kind": KIND, "start": dict(start), "plan": encode_plan(plan)}
    try:
        if path.exists():
            _replace_one_that_is_over(path, (json.dumps(header) + "\n").encode("ascii"))
        else:
            write_whole(path, (json.dumps(header) + "\n").encode("ascii"))
    except OSError as error:
        raise _unwritable(path, error) from error
    return UpgradeJournal(path=path, plan=plan, start=dict(start))


def _replace_one_that_is_over(path: Path, header: bytes) -> None:
    """Begin a new journal in the place of one that is kept under another name: there is always one under this."""
    old = read_upgrade_journal(path)
    if not old.is_over:
        raise JournalError(f"{path}: an upgrade that is neither finished nor taken back is there.")
    kept = path.with_name(f"upgrade-{old.events[-1].at:%Y%m%dT%H%M%SZ}.journal.jsonl")
    before = path.read_bytes()
    try:
        write_whole(kept, before)
        write_whole(path, header)
    except BaseException:  # an interrupt too: it may have come when the new one was in place already
        with suppress(OSError):
            if path.read_bytes() == before:
                kept.unlink(missing_ok=True)
        raise


def read_upgrade_journal(path: Path) -> UpgradeJournal:
    """Read a journal. A last line that was cut off while it was written never happened.

    Raises:
        JournalError: it cannot be read, is no journal, or is damaged; says in which line.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be read: {error.strerror or error}.") from error
    whole, _, _cut = raw.rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    header = _parsed(path, 1, lines[0] if lines else b"")
    if header.get("kind") != KIND:
        raise JournalError(f"{path}: this is no journal of upgrade-kit upgrade.")
    if header.get("schema") != SCHEMA:
        raise JournalError(f"{path}: its schema is {header.get('schema')!r}, and this upgrade-kit reads {SCHEMA}.")
    try:
        plan = decode_plan(header["plan"])
        start = {str(name): str(value) for name, value in dict(header["start"]).items()}  # type: ignore[call-overload]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, 1, str(error)) from error
    journal = UpgradeJournal(path=path, plan=plan, start=start)
    for number, line in enumerate(lines[1:], start=2):
        journal.events.append(_event(path, number, line))
    return journal


def _event_line(event: Event) -> str:
    return json.dumps(
        {
            "what": event.what.value,
            "step": event.step,
            "at": event.at.isoformat(),
            "told": event.told,
            "details": dict(event.details),
        }
    )


def _event(path: Path, number: int, line: bytes) -> Event:
    data = _parsed(path, number, line)
    try:
        details = data.get("details")
        return Event(
            what=Happening(str(data["what"])),
            step=str(data["step"]),
            at=datetime.fromisoformat(str(data["at"])),
            told=str(data.get("told", "")),
            details=tuple((str(name), str(value)) for name, value in details.items())
            if isinstance(details, dict)
            else (),
        )
    except (KeyError, ValueError) as error:
        raise _damaged(path, number, str(error)) from error


def _parsed(path: Path, number: int, line: bytes) -> dict[str, object]:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise _damaged(path, number, str(error)) from error
    if not isinstance(data, dict):
        raise _damaged(path, number, "it is no object")
    return data


def _append(path: Path, line: str) -> None:
    try:
        with path.open("r+b") as stream:
            stream.truncate(_end_of_last_line(stream))
            stream.seek(0, os.SEEK_END)
            stream.write((line + "\n").encode("ascii"))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise _unwritable(path, error) from error


def _end_of_last_line(stream: BinaryIO) -> int:
    """Return where the last whole line ends; what follows was cut off while it was written."""
    end = stream.seek(0, os.SEEK_END)
    while end:
        stream.seek(end - 1)
        if stream.read(1) == b"\n":
            break
        end -= 1
    return end


def _damaged(path: Path, number: int, reason: str) -> JournalError:
    return JournalError(
        f"{path}: line {number} of the journal is damaged: {reason}.",
        hint="Nothing was done. Use an undamaged copy of it, or go on by hand with upgrade-kit plan.",
    )


def _unwritable(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"{path}: the journal cannot be written: {error.strerror or error}.",
        hint="The work folder must be there, writable, and on a disk with room. Nothing more was done.",
    )
