"""Read from a rules file how the environment of a release is made."""

from __future__ import annotations

import re

from packaging.version import Version

from upgrade_kit.model.installing import Installing, Trouble
from upgrade_kit.planning.rules_table import RulesTable

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def read_installing(table: RulesTable | None) -> Installing | None:
    """Return what a table says, or ``None`` where there is none.

    Raises:
        RulesError: the table is wrong.
    """
    if table is None:
        return None
    found = Installing(
        size_mib=table.whole("size_mib", 0),
        files=table.lists("files"),
        provides=table.lists("provides", required=False),
        python_ends=table.pairs("python_ends"),
        pips=tuple(_pip_limits(table, *entry) for entry in table.lists("pips", required=False)),
        troubles=tuple(map(_trouble, table.tables("troubles", required=False))),
        source=table.text("source"),
    )
    table.done()
    for python, day in found.python_ends:
        if not _DAY.fullmatch(day):
            raise table.wrong(f"python_ends.{python}", f"{day!r} is no day like '2020-01-01'")
    return found


def _pip_limits(table: RulesTable, python: str, limits: tuple[str, ...]) -> tuple[str, tuple[Version, Version]]:
    try:
        oldest, newest = map(Version, limits)
    except ValueError:  # of the unpacking; InvalidVersion is one too
        raise table.wrong(f"pips.{python}", "must be the oldest and the newest version of pip that do") from None
    return python, (oldest, newest)


def _trouble(table: RulesTable) -> Trouble:
    python = table.text("python", "")
    found = Trouble(
        line=table.text("line"),
        python=python and table.specifier("python", python),
        system=table.text("system", ""),
        severity=table.choice("severity", ("info", "warning")),
        problem=table.text("problem"),
        powershell=_lines(table, "powershell"),
        bash=_lines(table, "bash"),
        source=table.text("source"),
    )
    table.done()
    return found


def _lines(table: RulesTable, key: str) -> tuple[str, ...]:
    lines = table.texts(key)
    for index, line in enumerate(lines):
        if not line.strip() or not line.isprintable():
            raise table.wrong(f"{key}[{index}]", "must be one line to type")
    return lines
