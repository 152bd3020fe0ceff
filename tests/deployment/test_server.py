"""A server that is asked about itself: where it is, and what is known when it does not answer."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.server import is_this_machine, read_server
from upgrade_kit.model.server import Identity
from upgrade_kit.model.unobserved import Unobserved


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "127.1.2.3", "::1", "/run/postgresql"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_this_machine(host)


def test_its_own_name_is_this_machine() -> None:
    assert is_this_machine(socket.gethostname().upper())


@pytest.mark.parametrize("host", ["db.hospital.example", "10.0.0.7", "localhost.example", "SQL1\\QA", "2001:db8::1"])
def test_another_machine_is_another(host: str) -> None:
    assert not is_this_machine(host)


def test_a_file_that_is_none_leaves_every_part_unknown(tmp_path: Path) -> None:
    server = read_server(DatabaseAddress(vendor="sqlite", name=str(tmp_path / "gone.sqlite3")))
    for part in (server.identity, server.rights, server.texts, server.room, server.file):
        assert isinstance(part, Unobserved)
        assert part.asked
        assert "there is no such file" in part.reason
    assert isinstance(server.odbc_drivers, Unobserved)
    assert not server.odbc_drivers.asked


def test_an_empty_file_is_a_database(tmp_path: Path) -> None:
    file = tmp_path / "empty.sqlite3"
    file.touch()
    server = read_server(DatabaseAddress(vendor="sqlite", name=str(file)))
    assert isinstance(server.identity, Identity)
    assert server.identity.product == "SQLite"
