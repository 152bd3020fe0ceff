from __future__ import annotations

from pathlib import Path

import pytest

from upgrade_kit.backup.standing import told_where_it_stands
from upgrade_kit.deployment.address import DatabaseAddress


@pytest.fixture
def target(tmp_path: Path) -> DatabaseAddress:
    (tmp_path / "site[1].db.before-restore-20250101T000000Z").touch()  # of a restore long ago
    return DatabaseAddress(vendor="sqlite", name=str(tmp_path / "site[1].db"))


def stopped(tmp_path: Path, target: DatabaseAddress | None, error: BaseException, *kept: str) -> str:
    def restore() -> None:
        with told_where_it_stands(tmp_path / "site.manifest.json", target):
            for name in kept:
                (tmp_path / name).touch()
            raise error

    with pytest.raises(type(error)) as caught:
        restore()
    return str(caught.value)


def test_what_the_database_may_hold_is_told(tmp_path: Path, target: DatabaseAddress) -> None:
    said = stopped(tmp_path, target, KeyboardInterrupt())
    assert said == f"{target.shown} is as it was, or holds the whole backup already."


def test_what_was_kept_in_this_restore_is_named_without_what_lies_beside_it(
    tmp_path: Path, target: DatabaseAddress
) -> None:
    kept = "site[1].db.before-restore-20261123T161500Z"
    said = stopped(tmp_path, target, KeyboardInterrupt(), kept, f"{kept}-journal")
    assert said.endswith(f" What it held is kept: {tmp_path / kept}.")


def test_a_backup_of_what_was_there_is_named(tmp_path: Path) -> None:
    server = DatabaseAddress(vendor="postgresql", name="qatrack", host="db")
    said = stopped(tmp_path, server, KeyboardInterrupt(), "qatrack-20261123T161500Z.manifest.json")
    assert said.endswith(f" What it held is kept: {tmp_path / 'qatrack-20261123T161500Z.manifest.json'}.")


def test_an_interrupt_that_tells_by_itself_stays_as_it_is(tmp_path: Path, target: DatabaseAddress) -> None:
    assert stopped(tmp_path, target, KeyboardInterrupt("put back")) == "put back"


def test_nothing_is_said_of_a_database_where_only_uploads_are_restored(tmp_path: Path) -> None:
    assert stopped(tmp_path, None, KeyboardInterrupt()) == ""


def test_an_error_is_none_of_its_business(tmp_path: Path, target: DatabaseAddress) -> None:
    assert stopped(tmp_path, target, OSError("full")) == "full"
