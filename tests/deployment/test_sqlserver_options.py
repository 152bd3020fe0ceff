from __future__ import annotations

import platform
import socket
import threading
from pathlib import Path

import pytest

from tests.deployment.conftest import text_of
from upgrade_kit.deployment.address import parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.errors import DatabaseError, DriverMissingError


def test_an_unknown_odbc_driver_lists_those_that_are_installed() -> None:
    pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
    pytest.importorskip("mssql")
    address = parse_database_url("mssql://h/n?driver=Nobody's", base=Path())
    with pytest.raises(DatabaseError, match="Nobody's") as caught, open_database(address):
        pass
    assert all(driver in text_of(caught) for driver in pyodbc.drivers())
    assert not isinstance(caught.value, DriverMissingError)


def odbc_driver(kind: str) -> str:
    """Return FreeTDS by its name or Microsoft's driver by its path; skips where it is not there."""
    pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
    pytest.importorskip("mssql")
    if kind == "FreeTDS":
        if "FreeTDS" not in pyodbc.drivers():
            pytest.skip("FreeTDS is not registered")
        return kind
    package = pytest.importorskip("mssql_python_odbc")
    found = sorted(Path(package.__file__).parent.rglob("libmsodbcsql*.so*"))
    here = [file for file in found if {"debian_ubuntu", platform.machine()} <= set(file.parts)]
    if not here:
        pytest.skip("the wheel holds no driver for this system")
    return str(here[0])


@pytest.mark.parametrize("kind", ["FreeTDS", "Microsoft's by its path"])
def test_a_sql_server_driver_reaches_for_host_and_port(kind: str) -> None:
    driver = odbc_driver(kind)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        heard: list[bytes] = []

        def hang_up() -> None:
            caller, _ = server.accept()
            with caller:
                caller.settimeout(10)
                heard.append(caller.recv(1))

        listener = threading.Thread(target=hang_up)
        listener.start()
        address = parse_database_url(
            f"mssql://qa:s3cret@127.0.0.1:{server.getsockname()[1]}/site"
            f"?driver={driver}&Encrypt=optional&connection_timeout=2",
            base=Path(),
        )
        with pytest.raises(DatabaseError) as caught, open_database(address):
            pass
        if "can't open lib" in str(caught.value).lower():
            with socket.create_connection(server.getsockname()):
                listener.join()
            pytest.skip("the driver does not load here")
        listener.join()
    assert heard == [b"\x12"]  # a pre-login of TDS 7
    assert "s3cret" not in text_of(caught)


def test_an_option_cannot_smuggle_in_another(closed_port: str) -> None:
    pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
    pytest.importorskip("mssql")
    if not pyodbc.drivers():
        pytest.skip("no ODBC driver is registered")
    address = parse_database_url(f"mssql://h:{closed_port}/n?Encrypt;UID=no", base=Path())
    with pytest.raises(DatabaseError, match="no option of an ODBC connection"), open_database(address):
        pass
