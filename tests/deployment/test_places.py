from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.places import read_backup_place, read_log_place, volume_of
from upgrade_kit.model.unobserved import Unobserved


def sqlite(file: Path) -> DatabaseAddress:
    return DatabaseAddress(vendor="sqlite", name=str(file))


def server(host: str) -> DatabaseAddress:
    return DatabaseAddress(vendor="postgresql", name="qatrackdb", host=host, port="1")


def test_the_nearest_folder_above_is_the_one_that_is_measured(tmp_path: Path) -> None:
    assert volume_of(tmp_path / "not" / "yet") == tmp_path
    assert volume_of(tmp_path) == tmp_path


def test_nothing_is_made_or_written(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    file.touch()
    place = read_backup_place(tmp_path / "backups", None, sqlite(file), file)
    read_log_place(tmp_path)
    assert place.obstacle == ""
    assert place.shares_volume is True
    assert isinstance(place.free_bytes, int)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("host", ["db.clinic.example", "10.1.2.3", r"SQL01\QATRACK"])
def test_another_machine_has_other_disks(host: str, tmp_path: Path) -> None:
    assert read_backup_place(tmp_path, None, server(host), None).shares_volume is False


@pytest.mark.parametrize(
    "host", ["", "localhost", "127.0.0.1", r".\SQLEXPRESS", "/var/run/postgresql", platform.node()]
)
def test_where_a_server_on_this_machine_keeps_its_files_is_asked_and_may_stay_unknown(
    host: str, tmp_path: Path
) -> None:
    assert isinstance(read_backup_place(tmp_path, None, server(host), None).shares_volume, Unobserved)


def test_a_database_file_that_is_gone_is_on_no_volume(tmp_path: Path) -> None:
    file = tmp_path / "gone.sqlite3"
    assert isinstance(read_backup_place(tmp_path, None, sqlite(file), file).shares_volume, Unobserved)


@pytest.mark.skipif(os.name == "nt", reason="Windows says that there is no such file")
def test_a_name_that_no_system_has_is_no_traceback(tmp_path: Path) -> None:
    assert read_log_place(tmp_path / ("x" * 300)).obstacles


def test_logs_that_can_be_written_have_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "migrate.log").touch()
    assert read_log_place(tmp_path).obstacles == ()


def test_a_folder_in_place_of_a_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs" / "debug.log").mkdir(parents=True)
    assert read_log_place(tmp_path).obstacles == ((tmp_path / "logs" / "debug.log", "it is a folder"),)
