"""The public API as text: every public name, its signature, and what the values that it gives can be asked.

Run it to record the API anew, once a change is meant: ``python tests/architecture/public_api.py``.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Iterator
from pathlib import Path

import upgrade_kit
from upgrade_kit.model.backup import Backup
from upgrade_kit.model.explanation import Explanation
from upgrade_kit.model.finding import CheckResult, Finding
from upgrade_kit.model.journal import Journal
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.plan import Plan
from upgrade_kit.model.rewrite import Edit, PlannedRewrite, Procedure, Rewrite, RewritePlan
from upgrade_kit.model.settings_rewrite import SettingsRewrite
from upgrade_kit.preflight.runner import Preflight

RECORD = Path(__file__).with_name("public_api.txt")
# What the functions give. The facts of a site (``survey``) are left out: a fact more is no change for who reads one.
GIVEN = (
    *(Backup, CheckResult, Edit, Explanation, Finding, Journal, MigrateLog, Plan, PlannedRewrite),
    *(Preflight, Procedure, Rewrite, RewritePlan, SettingsRewrite, UpgradePath),
)


def described() -> str:
    """Return the public API, one line for each thing that a caller can rely on."""
    return "\n".join([*_names(), *_given()]) + "\n"


def _names() -> Iterator[str]:
    for name in upgrade_kit.__all__:
        value = getattr(upgrade_kit, name)
        if inspect.isfunction(value):
            yield f"{name}{inspect.signature(value)}"
        elif isinstance(value, type) and issubclass(value, enum.Enum):
            yield f"{name}: {', '.join(member.name for member in value)}"
        elif isinstance(value, type):
            yield from _class(name, value)
        else:
            yield name


def _given() -> Iterator[str]:
    for kind in GIVEN:
        yield from _class(kind.__name__, kind)


def _class(name: str, kind: type) -> Iterator[str]:
    yield f"class {name}"
    for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
        yield f"    {name}.{field.name}: {field.type}"
    for member, value in sorted(vars(kind).items()):
        if member.startswith("_"):
            continue
        if isinstance(value, property):
            yield f"    {name}.{member}: property"
        elif callable(getattr(kind, member)):
            yield f"    {name}.{member}{inspect.signature(getattr(kind, member))}"


if __name__ == "__main__":
    RECORD.write_text(described(), encoding="utf-8", newline="\n")
