"""Reads the approvals that the page of ``upgrade-kit report`` exports. Strict: what is not understood is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from upgrade_kit.errors import ApprovalsError
from upgrade_kit.model.approvals import Approvals, DecidedProcedure, Decision

ParsedT = TypeVar("ParsedT")

SCHEMA = 1
KIND = "upgrade-kit approvals"
MAX_BYTES = 32 * 1024 * 1024  # 2,000 decisions with a note each are 1 MB

_FILE_KEYS = frozenset({"schema", "kind", "site", "made_at", "reviewer", "decisions"})
_SITE_KEYS = frozenset({"folder", "version", "database"})
_DECISION_KEYS = frozenset({"test_id", "slug", "decision", "reviewer", "date", "note", "before_sha256", "after_sha256"})
_SHA256 = re.compile("[0-9a-f]{64}")
_SHOWN = 60  # characters of a wrong value
_HINT = "Nothing was written. Export the decisions again from the page that upgrade-kit report makes."


def read_approvals(path: str | Path) -> Approvals:
    """Read a file of approvals.

    Raises:
        ApprovalsError: it is not there, too large, no such file, or wrong in some place; names the place.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise ApprovalsError(f"{file}: the approvals cannot be read: {reason}.") from error
    if len(content) > MAX_BYTES:
        raise ApprovalsError(f"{file}: larger than {MAX_BYTES // 1024**2} MB, so no approvals.", hint=_HINT)
    return _Reader(file).approvals(content)


class _Reader:
    """Takes a file of approvals apart; every complaint names the file and the place in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def approvals(self, content: bytes) -> Approvals:
        data = self._json(content)
        if not isinstance(data, dict) or data.get("kind") != KIND:
            raise ApprovalsError(f"{self._path}: this is no file of approvals (its kind is not {KIND!r}).", hint=_HINT)
        if data.get("schema") != SCHEMA or isinstance(data.get("schema"), bool):
            raise self._wrong("schema", f"is {_short(data.get('schema'))}, and this upgrade-kit reads {SCHEMA}")
        self._check_keys(data, _FILE_KEYS, "the file")
        decisions = data["decisions"]
        if not isinstance(decisions, list):
            raise self._wrong("decisions", "is no list")
        decided = [self._decision(f"decisions[{number}]", one) for number, one in enumerate(decisions)]
        self._check_unique(decided)
        return Approvals(
            source=str(self._path),
            site=self._site(data["site"]),
            made_at=self._parsed(data["made_at"], "made_at", "no time such as 2026-03-01T08:30:00Z", _moment),
            reviewer=self._text(data["reviewer"], "reviewer"),
            decisions=tuple(sorted(decided, key=lambda one: one.test_id)),
        )

    def _json(self, content: bytes) -> object:
        try:
            text = content.decode("utf-8-sig")  # some editors of Windows write the mark
        except UnicodeDecodeError as error:
            raise ApprovalsError(f"{self._path}: this is no UTF-8, so no file of approvals.", hint=_HINT) from error
        try:
            data: object = json.loads(text, object_pairs_hook=self._table)
        except (ValueError, RecursionError) as error:
            reason = error if isinstance(error, json.JSONDecodeError) else "a number or its depth is beyond all bounds"
            raise ApprovalsError(
                f"{self._path}: this is no whole JSON, so no file of approvals: {reason}.", hint=_HINT
            ) from error
        return data

    def _table(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        table = dict(pairs)
        if len(table) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise self._wrong(_short(twice), "stands twice in one table")
        return table

    def _site(self, data: object) -> tuple[str | None, str | None, str | None]:
        if not isinstance(data, dict):
            raise self._wrong("site", "is no table of values")
        self._check_keys(data, _SITE_KEYS, "site")
        folder, version, database = (
            None if data[key] is None else self._text(data[key], f"site.{key}")
            for key in ("folder", "version", "database")
        )
        return folder, version, database

    def _decision(self, where: str, data: object) -> DecidedProcedure:
        if not isinstance(data, dict):
            raise self._wrong(where, "is no table of values")
        self._check_keys(data, _DECISION_KEYS, where)
        test_id = data["test_id"]
        if not isinstance(test_id, int) or isinstance(test_id, bool):
            raise self._wrong(f"{where}.test_id", "is no whole number")
        words = " or ".join(Decision)
        day = self._text(data["date"], f"{where}.date")
        return DecidedProcedure(
            test_id=test_id,
            slug=self._text(data["slug"], f"{where}.slug"),
            decision=self._parsed(data["decision"], f"{where}.decision", f"not {words}", Decision),
            reviewer=self._text(data["reviewer"], f"{where}.reviewer"),
            decided_on=self._parsed(day, f"{where}.date", "no day such as 2026-03-01", _day) if day else None,
            note=self._text(data["note"], f"{where}.note"),
            before_sha256=self._digest(data["before_sha256"], f"{where}.before_sha256"),
            after_sha256=self._digest(data["after_sha256"], f"{where}.after_sha256"),
        )

    def _check_keys(self, data: dict[str, object], wanted: frozenset[str], where: str) -> None:
        missing, foreign = sorted(wanted - data.keys()), sorted(data.keys() - wanted)
        if missing:
            raise self._wrong(where, f"has no {', '.join(missing)}")
        if foreign:
            raise self._wrong(where, f"holds what is not known here: {_short(', '.join(foreign))}")

    def _check_unique(self, decided: list[DecidedProcedure]) -> None:
        seen: set[int] = set()
        for one in decided:
            if one.test_id in seen:
                raise self._wrong("decisions", f"name test {one.test_id} ({one.slug!r}) twice")
            seen.add(one.test_id)

    def _text(self, value: object, where: str) -> str:
        if not isinstance(value, str):
            raise self._wrong(where, "is no text")
        return value

    def _digest(self, value: object, where: str) -> str | None:
        if value is None or (isinstance(value, str) and _SHA256.fullmatch(value)):
            return value
        raise self._wrong(where, "is no SHA-256")

    def _parsed(self, value: object, where: str, complaint: str, parse: Callable[[str], ParsedT]) -> ParsedT:
        try:
            return parse(self._text(value, where))
        except ValueError as error:
            raise self._wrong(where, f"is {_short(value)}, {complaint}") from error

    def _wrong(self, where: str, reason: str) -> ApprovalsError:
        return ApprovalsError(f"{self._path}: {where} {reason}.", hint=_HINT)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
