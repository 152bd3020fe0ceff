from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from upgrade_kit.model.backup import Backup, Content, ListedBackup, Standing, UnverifiedBackup, Uploads
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.report.backup import listed_document, render_created, render_listed, render_restored, render_verified

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


UPLOADS = Uploads(
    file=Path("/srv/backups/db.uploads.zip"),
    size_bytes=12_000_000,
    sha256="3" * 64,
    files=65,
    bytes=30_000_000,
    missing=tuple(f"{number}/gone.txt: No such file or directory" for number in range(12)),
    changed=("tmp/a.csv",),
)


def with_uploads(**changes: object) -> Backup:
    uploads = dataclasses.replace(UPLOADS, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(BACKUP, made=dataclasses.replace(MADE, uploads=uploads))


def test_uploads_are_told_with_their_archive() -> None:
    text = render_created(with_uploads(missing=(), changed=()))
    assert f"uploads   {UPLOADS.file} (65 files, 12.0 MB)" in text
    assert "NOT in the backup" not in text
    assert "written to while" not in text


def test_uploads_that_are_not_in_the_archive_are_named_and_the_rest_counted() -> None:
    text = render_created(with_uploads())
    assert "NOT in the backup" in text
    assert "  9/gone.txt: No such file or directory\n  and 2 more; the manifest names them all\n" in text
    assert "10/gone.txt" not in text


def test_uploads_that_changed_meanwhile_are_named() -> None:
    assert "written to while they were copied" in render_created(with_uploads()).replace("\n", " ")
    assert "  tmp/a.csv\n" in render_created(with_uploads())


def test_without_uploads_the_reader_is_told_to_copy_them() -> None:
    assert "Copy the uploads" in render_created(BACKUP)


def test_a_backup_on_the_server_is_told_to_be_there() -> None:
    made = dataclasses.replace(MADE, server_file="D:\\Backups\\db.bak")
    assert "D:\\Backups\\db.bak on the server" in render_created(dataclasses.replace(BACKUP, made=made))


def listed(standing: Standing, reason: str = "", made: UnverifiedBackup | None = MADE) -> ListedBackup:
    return ListedBackup(
        manifest=MADE.manifest, made=made, verified_at=BACKUP.verified_at, standing=standing, reason=reason
    )


def test_each_backup_is_listed_with_how_it_stands() -> None:
    text = render_listed([listed(Standing.CURRENT), listed(Standing.STALE, "the database has changed")], [Path("/srv")])
    assert text.startswith("2 backups in ")
    assert "standing  current\n" in text
    assert "standing  stale: the database has changed\n" in text
    assert "2026-11-23 16:15:00 UTC\n" in text


def test_a_manifest_that_cannot_be_read_is_listed_too() -> None:
    text = render_listed([listed(Standing.DAMAGED, "method: missing", None)], [Path("/srv")])
    assert "a manifest that cannot be read\n" in text
    assert "damaged: method: missing" in text


def test_the_listing_in_json_has_no_more_than_is_known() -> None:
    document = listed_document([listed(Standing.DAMAGED, "method: missing", None), listed(Standing.CURRENT)])
    backups = document["backups"]
    assert isinstance(backups, list)
    assert "database" not in backups[0]
    assert backups[1]["created_at"] == "2026-11-23T16:15:00Z"
