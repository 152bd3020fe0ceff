"""The room on the volumes of a SQL Server."""

from __future__ import annotations

import pytest

from upgrade_kit.deployment.sqlserver_files import free_bytes

VOLUMES = [
    {"mount_point": "C:\\", "free_bytes": 1},
    {"mount_point": "D:\\", "free_bytes": 2},
    {"mount_point": "D:\\mnt\\", "free_bytes": 3},
    {"mount_point": "/var/opt/mssql", "free_bytes": 4},
]


@pytest.mark.parametrize(
    ("folder", "free"),
    [
        ("D:\\backups", 2),
        ("d:/MNT", 3),
        ("D:\\mnt\\b", 3),
        ("D:\\mnt2", 2),
        ("/var/opt/mssql/data", 4),
        ("/var/opt/mssql2", None),
        ("\\\\nas\\share", None),
        ("E:\\", 5 * 1024 * 1024),
    ],
)
def test_the_room_is_that_of_the_volume_the_folder_is_on(folder: str, free: int | None) -> None:
    assert free_bytes(folder, VOLUMES, [{"drive": "C", "mb free": 9}, {"drive": "E", "mb free": 5}]) == free


def test_a_server_that_tells_nothing_leaves_the_room_open() -> None:
    assert free_bytes("D:\\data", [], []) is None
