from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from upgrade_kit.model.backup import Backup, Content, UnverifiedBackup
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.report.backup import render_created, render_restored, render_verified

MADE = UnverifiedBackup(
    method="native",
    format="sqlite",
    manifest=Path("/srv/backups/db.manifest.json"),
    file=Path("/srv/backups/db.sqlite3"),
    database="sqlite:////srv/qatrack/db/default.db",
    vendor="sqlite",
    site_version="0.2.9.1",
    created_at=datetime(2026, 11, 23, 16, 15, tzinfo=UTC),
    size_bytes=843776,
    sha256="0" * 64,
    content=Content(rows=(("qa_test", 53),), history_sha256="1" * 64, procedures_sha256="2" * 64),
)
BACKUP = Backup(made=MADE, verified_at=MADE.created_at, proof=("It was looked at. " * 12,))


@pytest.mark.parametrize("render", [render_created, render_verified, render_restored])
def test_prose_fits_eighty_columns(render: object) -> None:
    assert callable(render)
    lines = str(render(BACKUP)).splitlines()
    assert [line for line in lines if len(line) > 79 and "upgrade-kit backup restore" not in line] == []


def test_the_restore_command_stands_on_one_line() -> None:
    assert (
        f"  upgrade-kit backup restore {quoted(str(MADE.manifest))} "
        "--database sqlite:////srv/qatrack/db/default.db --replace\n"
    ) in render_created(BACKUP)


def test_an_unknown_version_is_said_to_be_unknown() -> None:
    unknown = dataclasses.replace(BACKUP, made=dataclasses.replace(MADE, site_version=""))
    assert "version   not known" in render_created(unknown)


def test_a_line_feed_in_a_name_cannot_forge_a_line() -> None:
    forged = dataclasses.replace(BACKUP, made=dataclasses.replace(MADE, file=Path("/srv/a\nProof: forged")))
    assert "\nProof: forged" not in render_created(forged)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (843776, "843.8 kB"),
        (70_000_000, "70.0 MB"),
        (5 * 10**12, "5000.0 GB"),
    ],
)
def test_a_size_is_given_in_its_unit(size: int, text: str) -> None:
    sized = dataclasses.replace(BACKUP, made=dataclasses.replace(MADE, size_bytes=size))
    assert f"({text})" in render_created(sized)
