"""The table of the install guide's steps names steps that are there, and leaves none out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from upgrade_kit.cli.main import COMMANDS
from upgrade_kit.planning.rulebook import builtin, load_rules

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "guide-coverage.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("|") and not line.startswith("|-")
]
STEPS = [step for hop in load_rules([builtin()]).hops for step in hop.steps]
CHAPTERS = re.compile(r"Upgrading from version 0\.2\.8\n-+\n(.*)", re.DOTALL)
HEADING = re.compile(r"^(?P<title>\S.*)\n(?P<line>[~.])(?P=line){3,}$", re.MULTILINE)


def named() -> list[str]:
    return re.findall(r"`(0\.\d[\d.]*-[a-z-]+)`", TEXT)


def test_every_step_that_the_table_names_is_there() -> None:
    assert set(named()) - {step.id for step in STEPS} == set()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step.id))
def test_every_step_of_the_rules_is_in_the_table(step: object) -> None:
    assert getattr(step, "id", None) in named()


def test_every_row_has_all_its_cells_and_says_who_does_it() -> None:
    assert len(ROWS) > 40
    for row in ROWS:
        assert len(row) in {3, 4}, row
        assert all(row), row


def test_what_is_left_to_a_person_has_its_reason() -> None:
    left = [row[-1] for row in ROWS if re.match(r"you\b", row[-1])]
    assert left
    assert all(re.match(r"you(: |, )\S", cell) for cell in left), left


def test_every_command_of_the_kit_that_it_names_is_one() -> None:
    commands = set(re.findall(r"`upgrade-kit ([a-z-]+)", TEXT))
    assert commands - COMMANDS.keys() == set()


@pytest.mark.parametrize(("file", "name"), [("win.rst", "Windows"), ("linux.rst", "Linux")])
def test_every_section_of_the_guides_two_chapters_is_in_the_table(file: str, name: str) -> None:
    guide = ROOT.parents[1] / "app" / "v0.3.0" / "docs" / "install" / file
    if not guide.is_file():
        pytest.skip("the guide is not beside this checkout")
    chapters = CHAPTERS.search(guide.read_text(encoding="utf-8").replace("\r\n", "\n"))
    assert chapters is not None
    sections = [match["title"] for match in HEADING.finditer(chapters[1])]
    assert len(sections) > 10
    rows = {row[0] for row in ROWS}
    for section in sections:
        title = section.replace("Open A Terminal & Activate", "Activate")
        assert {f'both, "{title}"', f'{name}, "{title}"'} & rows, section
