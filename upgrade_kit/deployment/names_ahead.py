"""What migrations make of multiple choice values, modalities, tolerances and scripts, worked out before they do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import isfinite

from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import as_number, as_text
from upgrade_kit.deployment.first_rows import SHOWN, first_rows, shown
from upgrade_kit.model.precondition import Offenders, Precondition

_Judge = Callable[[float, list[str]], bool]
_MOST_VALUES = 2000  # different values of multiple choice tests; a sound site has a handful
# What qa.0002_029_to_030_first of 0.3.0 takes for the beginning of a script; ;-_ is a span that holds < and >.
_OPENING = re.compile(r"<script[\sa-zA-Z0-9\"';-_=/]*>(?=[\s\S]+?</script>)")
_TOLERANCE = ("act_low", "tol_low", "tol_high", "act_high")


def unknown_choices(session: Session, _wanted: Precondition) -> Offenders:
    """Find values of multiple choice tests that are no place in the test's choices (qa.0019 of 0.2.9).

    Raises:
        DatabaseError: a table or column is not there, or may not be read.
    """
    return _values(session, lambda value, choices: not choices or not _is_place(value, len(choices)))


def unwhole_choices(session: Session, _wanted: Precondition) -> Offenders:
    """Find values that Python takes for another place than a person would: -1 for the last, 1.7 for 1.

    Raises:
        DatabaseError: as above.
    """
    return _values(
        session,
        lambda value, choices: bool(choices) and _is_place(value, len(choices)) and (value < 0 or value != int(value)),
    )


def _is_place(value: float, choices: int) -> bool:
    return isfinite(value) and -choices <= int(value) < choices


def _values(session: Session, is_wrong: _Judge) -> Offenders:
    tests = {
        as_number(key): (as_text(slug), as_text(choices).split(",") if choices is not None else [])
        for key, slug, choices in session.select("qa_test", "id", "slug", "choices", where=("type", "multchoice"))
    }
    if not tests:
        return Offenders(count=0, named=())
    instance, info, test = (session.quote(name) for name in ("qa_testinstance", "qa_unittestinfo", "qa_test"))
    key, value, kind = session.quote("id"), session.quote("value"), session.quote("type")
    rows = first_rows(
        session,
        f"SELECT t.{key}, v.{value}, COUNT(*), MIN(v.{key}) FROM {test} t "  # noqa: S608 - quoted
        f"JOIN {info} i ON i.{session.quote('test_id')} = t.{key} "
        f"JOIN {instance} v ON v.{session.quote('unit_test_info_id')} = i.{key} "
        f"WHERE t.{kind} = 'multchoice' AND v.{value} IS NOT NULL "
        f"GROUP BY t.{key}, v.{value} ORDER BY t.{key}, v.{value}",
        most=_MOST_VALUES,
    )
    count, named = 0, []
    for owner, number, times, first in rows:
        slug, choices = tests[as_number(owner)]
        if is_wrong(float(str(number)), choices):
            count += as_number(times)
            named.append(
                f"test {owner} ({shown(slug)}), choices: {len(choices)}, has the value {number} {times} times, "
                f"first in test instance {first}"
            )
    return Offenders(count=count, named=tuple(named[:SHOWN]))


def modality_names(session: Session, _wanted: Precondition) -> Offenders:
    """Find modalities that get one name between them (units.0003 of 0.2.9).

    Raises:
        DatabaseError: as above.
    """
    names: dict[str, list[str]] = {}
    for key, kind, energy in session.select("units_modality", "id", "type", "energy"):
        unit = "MV Photon" if as_text(kind) == "photon" else "MeV Electron"
        names.setdefault(f"{float(str(energy)):g}{unit}", []).append(f"{key} ({shown(kind)}, {energy})")
    return _shared(names)


def tolerance_names(session: Session, _wanted: Precondition) -> Offenders:
    """Find tolerances that get one name between them and are not the same (qa.0017 to 0019 of 0.3.0).

    Those whose limits are the same to the last digit become one tolerance, as qa.0018 means it.

    Raises:
        DatabaseError: as above.
    """
    groups: dict[str, dict[tuple[object, ...], list[str]]] = {}
    for key, name, limits in _tolerances(session):
        groups.setdefault(name, {}).setdefault(limits, []).append(str(key))
    return _shared({name: [keys[0] for keys in same.values()] for name, same in groups.items()})


def long_tolerance_names(session: Session, wanted: Precondition) -> Offenders:
    """Find tolerances whose choices make a name longer than its column (qa.0017 of 0.3.0).

    Raises:
        DatabaseError: as above.
    """
    found = [(key, len(name)) for key, name, _ in _tolerances(session) if len(name) > (wanted.most or 0)]
    named = tuple(f"id {key}: {length} characters" for key, length in found[:SHOWN])
    return Offenders(count=len(found), named=named)


def _tolerances(session: Session) -> Iterable[tuple[int, str, tuple[object, ...]]]:
    """Yield each tolerance's id, its name to be, and what qa.0018 tells it from others by."""
    rows = session.select("qa_tolerance", "id", "type", *_TOLERANCE, "mc_pass_choices", "mc_tol_choices")
    for key, kind, *limits, passing, tolerable in rows:
        match as_text(kind):
            case "absolute":
                name = f"Absolute({', '.join(_limit(limit, '%.3f') for limit in limits)})"
            case "percent":
                name = f"Percent({', '.join(_limit(limit, '%.2f%%') for limit in limits)})"
            case "multchoice":
                choices = (as_text(text).replace(",", ":") for text in (passing, tolerable))
                name = "M.C.(OK={}, Tolerance={})".format(*choices)
            case _:
                continue  # another demand's business
        yield as_number(key), name, (as_text(kind), *limits)


def _limit(value: object, form: str) -> str:
    return "--" if value is None else form % float(str(value))


def torn_scripts(session: Session, wanted: Precondition) -> Offenders:
    """Find texts in which a script's beginning, as the migration sees it, goes on beyond its tag.

    Raises:
        DatabaseError: as above.
    """
    found = []
    for key, text in session.select(wanted.table, "id", wanted.columns[0]):
        opening = _OPENING.search(as_text(text))
        if opening and ">" in opening[0][:-1]:
            found.append(f"id {key}: {shown(opening[0])}")
    return Offenders(count=len(found), named=tuple(found[:SHOWN]))


def _shared(names: Mapping[str, list[str]]) -> Offenders:
    found = [(name, owners) for name, owners in names.items() if len(owners) > 1]
    named = tuple(f"{shown(name)}: {', '.join(owners[:SHOWN])}" for name, owners in found[:SHOWN])
    return Offenders(count=len(found), named=named)
