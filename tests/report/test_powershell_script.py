"""The PowerShell script of a plan, as PowerShell's grammar reads it."""

from __future__ import annotations

import pytest

from tests.report.plans import AWKWARD_NAMES, MADE, plan
from tests.report.powershell import mistakes, strings
from upgrade_kit.model.plan import Run
from upgrade_kit.report.powershell_script import powershell_script


def script(site: str = "C:\\deploy\\qatrackplus", source: str = "0.2.8", target: str = "0.3.0", **more: object) -> str:
    return powershell_script(plan("Windows", site, source, target, **more), made=MADE, version="1.2.3")


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_it_parses_whatever_the_sites_folder_is_called(name: str) -> None:
    assert mistakes(script(f"D:\\{name}\\site")) == []


def test_the_grammar_does_find_mistakes() -> None:
    assert mistakes(script().replace("try {", "try ", 1)) != []


@pytest.mark.parametrize("source", ["0.2.8", "0.2.9.1", "0.3.0"])
def test_it_parses_for_every_path(source: str) -> None:
    assert mistakes(script(source=source)) == []


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_every_word_of_every_command_is_in_it_as_it_was_meant(name: str) -> None:
    site = f"D:\\{name}\\site"
    made = plan("Windows", site)
    held = strings(powershell_script(made, made=MADE, version="1"))
    for step in made.steps:
        if step.actor.value == "person":
            continue
        for action in step.actions:
            wanted = list(action.words) if isinstance(action, Run) else [str(action.source), str(action.target)]
            assert any(held[place : place + len(wanted)] == wanted for place in range(len(held))), wanted


def test_it_stops_at_the_first_error_and_checks_every_exit_status() -> None:
    text = script()
    assert "$ErrorActionPreference = 'Stop'" in text
    assert "Set-StrictMode" in text
    body = text[text.rindex("\ntry {\n") :]
    native = [line for line in body.splitlines() if "upgrade-kit'" in line or "'git'" in line or "python.exe'" in line]
    assert native
    assert all(line.strip().startswith("Invoke-Program @(") for line in native)


def test_nothing_is_redirected_and_no_guess_of_the_guide_is_in_it() -> None:
    body = script()[script().index("param(") :]
    code = [line for line in body.splitlines() if not line.strip().startswith("#")]
    assert not any(" > " in line or ">>" in line for line in code)
    for wrong in ("date -I", "iniital", "master", "dumpdata", "activate"):
        assert wrong not in body
    assert "'--fake-initial'" in body


def test_the_point_of_no_return_is_confirmed_before_it_is_passed() -> None:
    lines = [line.strip() for line in script().splitlines()]
    for name in ("0.2.9.1-migrate", "0.3.0-migrate"):
        asked = next(place for place, line in enumerate(lines) if line.startswith(f"Confirm-Step '{name}'"))
        assert "POINT OF NO RETURN" in lines[asked]
        assert lines[asked - 1].startswith(f"if (Test-Step '{name}'")
        assert lines[asked + 1].startswith("Invoke-Program")


def test_what_is_set_for_one_command_is_handed_to_that_command() -> None:
    (line,) = [line for line in script().splitlines() if "'--fake-initial'" in line]
    assert "@{LC_ALL = 'C.UTF-8'; PYTHONIOENCODING = 'utf-8'}" in line


def test_accepted_statuses_stand_with_the_command() -> None:
    (line,) = [line for line in script().splitlines() if "'net.exe', 'stop'" in line]
    assert line.strip().startswith("Invoke-Program @(0, 2) $Work @{}")


def test_a_password_is_asked_for_only_where_one_is_needed_and_is_never_shown() -> None:
    assert "UPGRADE_KIT_PASSWORD" not in script()
    assert "if (-not $env:UPGRADE_KIT_PASSWORD)" in script(needs_password=True)


def test_it_says_of_itself_what_it_is_for() -> None:
    head = script()[: script().index("param(")]
    for word in ("C:\\deploy\\qatrackplus", "0.2.8 to 0.2.9.1 to 0.3.0", "1.2.3", "2026-03-01 08:30", "-From STEP"):
        assert word in head
    assert all(line.startswith("#") for line in head.splitlines())
    assert "OPEN: What is\\nthis?" in head


def test_every_step_is_in_it_in_order() -> None:
    text = script()
    places = [text.index(f"if (Test-Step '{step.id}'") for step in plan("Windows", "C:\\q").steps]
    assert places == sorted(places)
