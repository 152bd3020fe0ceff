"""The path as text and as JSON."""

from __future__ import annotations

import json

import pytest

from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.plan import PlannedStep
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.guide import guide_steps
from upgrade_kit.report.path import path_document, render_outline, render_path
from upgrade_kit.report.shells import SYSTEM_OF, step_lines

POWERSHELL, BASH = "powershell", "bash"


@pytest.fixture(scope="module")
def whole() -> UpgradePath:
    return VersionGraph.load().path("0.2.8", "0.3.0")


def of_guide(path: UpgradePath, shell: str) -> list[PlannedStep]:
    return [step for hop in path.hops for step in guide_steps(path, hop, SYSTEM_OF[shell])]


@pytest.mark.parametrize("shell", ["powershell", "bash"])
def test_every_command_stands_on_a_line_of_its_own(whole: UpgradePath, shell: str) -> None:
    lines = [line.strip() for line in render_path(whole, shell=shell).splitlines()]
    for step in of_guide(whole, shell):
        for command in step_lines(step, shell):
            assert command in lines


def test_the_other_shells_commands_are_not_shown(whole: UpgradePath) -> None:
    assert "        net.exe stop" not in render_path(whole, shell=BASH)
    assert "        sudo service" not in render_path(whole, shell=POWERSHELL)


def test_what_holds_on_one_system_alone_is_told_there_alone(whole: UpgradePath) -> None:
    assert "gunicorn" in render_path(whole, shell=BASH)
    assert "gunicorn" not in render_path(whole, shell=POWERSHELL)


@pytest.mark.parametrize("shell", ["powershell", "bash"])
def test_the_text_is_ascii_and_its_prose_fits_80_columns(whole: UpgradePath, shell: str) -> None:
    text = render_path(whole, shell=shell)
    assert text.isascii()
    assert "\t" not in text
    assert all(len(line) < 80 for line in text.splitlines() if not line.startswith("        "))
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_steps_are_numbered_through_all_hops(whole: UpgradePath) -> None:
    text = render_path(whole, shell=BASH)
    titles = [step.title for hop in whole.hops for step in hop.steps]
    places = [text.index(f"\n{number:2}. {title}\n") for number, title in enumerate(titles, start=1)]
    assert places == sorted(places)


def test_each_point_of_no_return_is_announced_before_its_step(whole: UpgradePath) -> None:
    lines = render_path(whole, shell=BASH).splitlines()
    announced = [index for index, line in enumerate(lines) if "POINT OF NO RETURN" in line]
    assert [lines[index + 2].split(". ")[1] for index in announced] == [
        "Migrate the database to 0.2.9.1",
        "Migrate the database to 0.3.0",
    ]


def test_corrections_of_the_guide_are_marked_and_only_there(whole: UpgradePath) -> None:
    corrected = [step for hop in whole.hops for step in hop.steps if step.corrects]
    assert render_path(whole, shell=BASH).count("GUIDE CORRECTED:") == len(corrected) > 0


def test_a_site_at_the_target_has_nothing_to_do() -> None:
    there = VersionGraph.load().path("0.3.0.4", "0.3.0")
    assert render_path(there, shell=BASH) == "Nothing to do: the site is at 0.3.0 already.\n"
    assert path_document(there) == {"schema": 1, "command": "path", "path": ["0.3.0"], "hops": []}


def test_the_document_holds_what_other_tools_read(whole: UpgradePath) -> None:
    document = json.loads(json.dumps(path_document(whole)))
    assert (document["schema"], document["command"]) == (1, "path")
    assert document["path"] == ["0.2.8", "0.2.9.1", "0.3.0"]
    assert [(hop["from"], hop["to"]) for hop in document["hops"]] == [
        ("0.2.8", "0.2.9.1"),
        ("0.2.9.1", "0.3.0"),
    ]
    steps = [step for hop in document["hops"] for step in hop["steps"]]
    assert {step["effect"] for step in steps} == {"read", "write", "irreversible"}
    assert len({step["id"] for step in steps}) == len(steps)
    assert all(set(step["commands"]) == {"powershell", "bash"} for step in steps)
    migrate = next(step for step in steps if step["id"] == "0.3.0-migrate")
    assert migrate["commands"]["bash"] == [
        "cd ~/web/qatrackplus",
        "LC_ALL=C.UTF-8 PYTHONIOENCODING=utf-8 ~/venvs/qatrack3/bin/python manage.py migrate --fake-initial",
    ]
    assert migrate["commands"]["powershell"] == [
        "cd C:\\deploy\\qatrackplus",
        "$env:LC_ALL = 'C.UTF-8'",
        "$env:PYTHONIOENCODING = 'utf-8'",
        "C:\\deploy\\venvs\\qatrack3\\Scripts\\python.exe manage.py migrate --fake-initial",
    ]


def test_the_outline_has_one_line_a_step(whole: UpgradePath) -> None:
    lines = render_outline(whole).splitlines()

    steps = [step for hop in whole.hops for step in hop.steps]
    assert [line for line in lines if line[:3].strip().isdigit()] != []
    assert sum(step.title in line for step, line in ((s, ln) for s in steps for ln in lines)) >= len(steps)
    assert not any(line.strip() in step_lines(step, BASH) for step in of_guide(whole, BASH) for line in lines)
