"""The screenshots in the README show commands that are there, and need nothing from anywhere else."""

from __future__ import annotations

import html
import re
import runpy
import sys
from pathlib import Path

import pytest

from upgrade_kit.cli.parser import make_parser

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "screenshots"
PICTURES = sorted(FOLDER.glob("*.svg"))


def words(picture: Path) -> str:
    """Return what a picture shows, line by line."""
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", picture.read_text(encoding="utf-8"))
    return html.unescape(" ".join(texts)).replace("\xa0", " ")


@pytest.mark.skipif(sys.platform == "win32", reason="they are taken in a terminal of Linux or macOS")
def test_there_is_one_for_each_command_that_is_shot() -> None:
    shots = runpy.run_path(str(FOLDER / "__main__.py"))["SHOTS"]

    assert {path.stem for path in PICTURES} == set(shots)
    for name, command in shots.items():
        make_parser(command.split()[1:]).parser.parse_args(command.split()[1:])
        assert " ".join(command.split()) in " ".join(words(FOLDER / f"{name}.svg").split())


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_loads_nothing_from_elsewhere(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")

    assert "@font-face" not in text
    assert "url(http" not in text
    assert "<script" not in text
    assert "/tmp" not in text  # noqa: S108 - nothing is opened there
    assert "Traceback" not in words(picture)


@pytest.mark.parametrize("name", ["preflight", "rewrite-calcs"])
def test_the_readme_shows_it(name: str) -> None:
    assert f"docs/screenshots/{name}.svg" in (ROOT / "README.md").read_text(encoding="utf-8")
