"""The ODBC drivers of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from upgrade_kit.deployment.odbc import find_odbc_drivers, odbcinst_names
from upgrade_kit.model.unobserved import Unobserved


def without_pyodbc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyodbc", None)


def program(folder: Path, script: str) -> dict[str, str]:
    file = folder / "odbcinst"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return {"PATH": str(folder)}


def test_the_driver_manager_is_asked() -> None:
    pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
    assert find_odbc_drivers() == tuple(sorted(pyodbc.drivers()))


def test_without_pyodbc_and_odbcinst_nothing_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_pyodbc(monkeypatch)
    found = find_odbc_drivers({"PATH": str(tmp_path)})
    assert isinstance(found, Unobserved)
    assert 'pip install "upgrade-kit[sqlserver]"' in found.reason


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
def test_without_pyodbc_unixodbc_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_pyodbc(monkeypatch)
    said = program(tmp_path, "echo '[ODBC Driver 17 for SQL Server]'; echo '[FreeTDS]'")
    assert find_odbc_drivers(said) == ("FreeTDS", "ODBC Driver 17 for SQL Server")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
def test_a_program_that_fails_is_no_empty_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_pyodbc(monkeypatch)
    found = find_odbc_drivers(program(tmp_path, "echo 'odbcinst: SQLGetPrivateProfileString failed'; exit 1"))
    assert isinstance(found, Unobserved)
    assert "SQLGetPrivateProfileString failed" in found.reason


def test_lines_that_are_no_names_are_left_out() -> None:
    assert odbcinst_names("\n[A]\r\nodbcinst: none\n[\n") == ("A",)
