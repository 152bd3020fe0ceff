"""The cases of checks under fixtures/preflight, and what their names say.

A name holds the check, its answer, and what the case is: ``UK507-warning-placeholder.py`` is a site that UK507 warns
of, ``UK507-passed-address.py`` one that it has nothing to say to.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.preflight.runner import run_preflight

FOLDER = Path(__file__).parents[2] / "fixtures" / "preflight"
DESCRIBED = ".site.toml"  # how the name of a description of a whole site ends, see ``described_sites``
# Words that one of cmd, PowerShell and bash does not know, and what only one of them reads so.
_OF_ONE_SHELL = re.compile(
    r"(?:mv|rm|cp|ls|cat|chmod|chown|curl|export|source|del|copy|move|ren|set)\b|[A-Z][a-z]+-[A-Z]\w+|\$env:|& "
)
_NAMES_A_SHELL = re.compile(r"\b(?:PowerShell|bash|cmd)\b")
ANSWERS = ("passed", "info", "warning", "error", "unknown")


def of_family(family: str, pattern: str = "*") -> list[Path]:
    """Return the cases of a family, without the descriptions of whole sites that lie beside them."""
    found = (FOLDER / family).glob(f"UK{pattern}")
    return sorted(case for case in found if not case.name.endswith(DESCRIBED))


def described() -> list[Path]:
    """Return the descriptions of whole sites, of every family."""
    return sorted(FOLDER.glob(f"*/UK*{DESCRIBED}"))


def parts(case: Path) -> tuple[str, str, str]:
    """Return the check's id, its answer, and what the case is."""
    id_, answer, what = case.name.removesuffix(DESCRIBED).split("-", 2)
    return id_, answer, what


def answer(deployment: Deployment, id_: str, path: UpgradePath | None = None) -> Result:
    """Ask one check."""
    results = run_preflight(deployment, path, only=[id_]).results
    return next(result.result for result in results if result.id == id_)


def answer_free_room(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    """Let every disk answer that it has so much free room, for that no text can make."""
    real = shutil.disk_usage(Path(__file__))
    asked = type(real)(total=real.total, used=real.total - free_bytes, free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: asked)


def told(result: Result, expected: str) -> tuple[Finding, ...]:
    """Hold a result against the answer in a case's name, and return what it found."""
    assert expected in ANSWERS
    if expected == "passed":
        assert isinstance(result, Passed | NotApplicable), result
        return ()
    if expected == "unknown":
        assert isinstance(result, CouldNotRun), result
        assert result.reason
        return ()
    assert isinstance(result, Found), result
    assert {finding.severity.value for finding in result.findings} == {expected}, result
    assert all(finding.message and finding.hint for finding in result.findings)
    for finding in result.findings:
        assert_shell_is_named(finding.hint)
    return result.findings


def assert_shell_is_named(hint: str) -> None:
    """Hold that a hint says which shell its lines are for, where they do not mean the same in each."""
    lines = hint.splitlines()
    typed = [line.strip() for line in lines if line.startswith("    ")]
    prose = " ".join(line for line in lines if not line.startswith("    "))
    if any(_OF_ONE_SHELL.match(line) for line in typed):
        assert _NAMES_A_SHELL.search(prose), hint
