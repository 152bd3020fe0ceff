"""What the kit's JSON holds: the fields and types of real answers, given on two sample sites."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from documentation.made import table
from documentation.transcripts import trial_folder
from upgrade_kit.cli.main import main
from upgrade_kit.model.finding import Severity, Verdict
from upgrade_kit.model.rewrite import Outcome, Reads
from upgrade_kit.model.step import Effect

# What is run for each heading; BACKUP and JOURNAL stand for the last files of the kind.
_RUNS: dict[str, tuple[str, ...]] = {
    "path": ("path old",),
    "plan": ("plan old", "plan --from 0.2.8 old"),
    "preflight": (
        "preflight old --no-memory --skip interpreter --skip environment",
        "preflight old --skip backup --skip interpreter --skip environment",
        "preflight old --only backup --only schema",
    ),
    "preflight --list": ("preflight --list",),
    "explain": ("explain UK301", "explain UK401"),
    "backup": ("backup old", "backup new", "backup verify BACKUP"),
    "backup list": ("backup list",),
    "rewrite-calcs": ("rewrite-calcs old", "rewrite-calcs new --apply"),
    "rewrite-calcs --undo": ("rewrite-calcs new --undo JOURNAL",),
    "rewrite-calcs --explain": ("rewrite-calcs new --explain header_and_data",),
    "rewrite-settings": ("rewrite-settings old", "rewrite-settings new --apply"),
    "verify": ("verify new",),
}
_NAMES_ARE_DATA = {"rows", "content", "facts", "environment"}  # of tables, steps and variables, not of fields
_WORDS: dict[str, type[StrEnum]] = {
    "effect": Effect,
    "outcome": Outcome,
    "reads": Reads,
    "severity": Severity,
    "verdict": Verdict,
}
_TYPES = {bool: "true or false", int: "whole number", float: "number", str: "text", type(None): "null"}


def answers() -> list[str]:
    """Return a table of fields for each command that answers in JSON."""
    lines: list[str] = []
    with trial_folder() as folder, chdir(folder), _alone(folder):
        for name, version in (("old", "0.2.9.1"), ("new", "0.3.0")):
            _quietly("demo", "--build", name, "--at", version)
        for heading, runs in _RUNS.items():
            fields: dict[str, set[str]] = {}
            for run in runs:
                for path, kind in _fields(_answer(run, folder)):
                    fields.setdefault(path, set()).add(kind)
            rows = [
                (f"`{path}`", _said(path, kinds)) for path, kinds in fields.items() if not _told_by_others(path, fields)
            ]
            lines += [f"### {heading}", "", *table(("field", "holds"), rows), ""]
    return lines


def _answer(run: str, folder: Path) -> Any:
    words = run.split()
    for word, pattern in (("BACKUP", "*.manifest.json"), ("JOURNAL", "*journal*.json")):
        words = [str(max(folder.rglob(pattern))) if one == word else one for one in words]
    output = folder / "answer.json"
    output.unlink(missing_ok=True)
    _quietly(*words, "--format", "json", "--output", str(output), "-q")
    return json.loads(output.read_text(encoding="ascii"))


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if path:
            yield path, "object"
        names_are_data = path.rpartition(".")[2] in _NAMES_ARE_DATA
        for name, inner in value.items():
            yield from _fields(inner, f"{path}.*" if names_are_data else f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        yield path, "list"
        for inner in value:
            yield from _fields(inner, f"{path}[]")
    else:
        yield path, _TYPES[type(value)]


def _told_by_others(path: str, fields: dict[str, set[str]]) -> bool:
    """Tell whether a list or an object is told of by the rows for what it holds."""
    return fields[path] <= {"list", "object"} and any(one.startswith((f"{path}.", f"{path}[]")) for one in fields)


def _said(path: str, kinds: set[str]) -> str:
    words = _WORDS.get(path.rpartition(".")[2])
    if words is not None:
        kinds = {*kinds - {"text"}, "one of " + ", ".join(f"`{word.value}`" for word in words)}
    return ", or ".join(sorted(kinds, key=lambda kind: (kind == "null", kind)))


def _quietly(*arguments: str) -> None:
    with redirect_stdout(StringIO()):
        if (status := main(arguments)) not in {0, 1, 3}:
            raise AssertionError(f"upgrade-kit {' '.join(arguments)}: status {status}")


def _alone(folder: Path) -> Any:
    """Return a context in which the kit sees none of this machine's Pythons, and remembers in the folder."""
    state = {"PATH": os.defpath, "HOME": str(folder), "UPGRADE_KIT_STATE_DIR": str(folder / ".state")}
    return patch.dict(os.environ, state, clear=True)
