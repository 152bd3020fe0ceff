"""What changed since an earlier preflight: as JSON, as a sentence, and read back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from upgrade_kit.model.changes import Changes, EarlierAnswer, EarlierRun, Outcome, Remembered
from upgrade_kit.model.finding import Severity


def earlier_run_document(run: EarlierRun) -> dict[str, Any]:
    """Return what is remembered of a preflight: a part of what its JSON holds, so that one reader reads both."""
    return {
        "schema": 1,
        "command": "preflight",
        "observed_at": None if run.at is None else run.at.isoformat(timespec="seconds"),
        "verdict": run.verdict,
        "results": [
            {"id": answer.id, "result": answer.outcome.value, "findings": [_remembered(one) for one in answer.findings]}
            for answer in run.answers
        ],
    }


def read_earlier_run(text: str | bytes) -> EarlierRun:
    """Read the JSON of a preflight, or what is remembered of one.

    Raises:
        ValueError: it is neither.
    """
    try:
        document = json.loads(text)
        if (document["schema"], document["command"]) != (1, "preflight"):
            raise ValueError("it is no answer of preflight")
        at = document.get("observed_at")
        return EarlierRun(
            at=None if at is None else _moment(at),
            verdict=str(document["verdict"]),
            answers=tuple(_answer(result) for result in document["results"] if not result.get("left_out", False)),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it is no answer of preflight") from error


def changes_document(changes: Changes) -> dict[str, Any]:
    """Return the changes as plain dictionaries, lists and strings."""
    return {
        "since": None if changes.since is None else changes.since.isoformat(timespec="seconds"),
        "verdict_before": changes.verdict,
        "mended": _list(changes.mended),
        "new": _list(changes.new),
        "reworded": _list(changes.reworded),
        "same": _list(changes.same),
        "not_applicable": _list(changes.not_applicable),
        "unclear": _list(changes.unclear),
        "can_look_no_more": list(changes.blinded),
        "can_look_now": list(changes.seeing),
    }


def changes_sentence(changes: Changes, now: datetime) -> str:
    """Return the changes in one line: ``"Since the last run (21:14): mended UK506, UK512; new UK204; 3 as before."``.

    Args:
        changes: them.
        now: when the later run was; the day of the earlier one is told where it was another.
    """
    kept = {finding.id for finding in (*changes.same, *changes.reworded, *changes.new)}
    whole = [one for one in changes.mended if one.id not in kept]
    partly = [one for one in changes.mended if one.id in kept]
    parts = [
        _part("mended", whole),
        _part("partly mended", partly),
        _part("new", changes.new),
        _part("changed", changes.reworded),
        _part("no longer applies:", changes.not_applicable),
        _part("not known whether it is mended, for the check could not look:", changes.unclear),
    ]
    beside = [id_ for id_ in changes.blinded if id_ not in {finding.id for finding in changes.unclear}]
    parts += [f"could look then and cannot now: {', '.join(beside)}"] * bool(beside)
    parts += [f"can look now: {', '.join(changes.seeing)}"] * bool(changes.seeing)
    told = [part for part in parts if part] or ["nothing has changed"]
    told += [f"{len(changes.same)} as before"] * bool(changes.same)
    return f"Since the last run{_when(changes.since, now)}: {'; '.join(told)}."


def _part(word: str, findings: Sequence[Remembered]) -> str:
    counts = Counter(finding.id for finding in findings)
    ids = [id_ if count == 1 else f"{id_} ({count})" for id_, count in counts.items()]
    return f"{word} {', '.join(ids)}" if ids else ""


def _when(since: datetime | None, now: datetime) -> str:
    if since is None:
        return ""
    there = since.astimezone(now.astimezone().tzinfo)
    return f" ({there:%H:%M})" if there.date() == now.astimezone().date() else f" ({there:%Y-%m-%d %H:%M})"


def _list(findings: Iterable[Remembered]) -> list[dict[str, str]]:
    return [{"id": finding.id, **_remembered(finding)} for finding in findings]


def _remembered(finding: Remembered) -> dict[str, str]:
    return {"severity": finding.severity.value, "message": finding.message, "where": finding.where}


def _answer(result: Mapping[str, Any]) -> EarlierAnswer:
    id_ = str(result["id"])
    findings = tuple(
        Remembered(
            id=id_,
            severity=Severity(finding["severity"]),
            message=str(finding["message"]),
            where=str(finding["where"]),
        )
        for finding in result["findings"]
    )
    return EarlierAnswer(id=id_, outcome=Outcome(result["result"]), findings=findings)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} is no moment: it has no time zone")
    return at
