"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# A loaded machine is slow, and that is no failure.
settings.register_profile("upgrade-kit", settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("upgrade-kit")


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of databases, logs and dumps that the real application made; skips where it is not."""
    folder = ROOT.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("the real application's databases are not beside this checkout")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_memory_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let nothing that a test starts read or write what preflight remembers for the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPGRADE_KIT_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_width_of_the_user() -> Iterator[None]:
    """Let no test fold what it prints, unless it asks for that: who runs the tests at once may set a width."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """Hear Ctrl-C, which a run that a shell put into the background does not, nor what it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The repository's own sample sites and procedures."""
    return ROOT / "fixtures"


@pytest.fixture(params=["FreeTDS", "Microsoft"])
def odbc_driver(request: pytest.FixtureRequest) -> str:
    """What ``DRIVER=`` takes, for each of the two ODBC drivers for SQL Server; skips where one is not there."""
    pytest.importorskip("pyodbc", exc_type=ImportError)
    from tests.sqlserver.clients import find_driver  # noqa: PLC0415 - only these tests need it

    driver, reason = find_driver(request.param)
    if not driver:
        pytest.skip(reason)
    return driver


@pytest.fixture
def any_odbc_driver() -> str:
    """What ``DRIVER=`` takes, for whichever ODBC driver for SQL Server is there; skips where none is."""
    pytest.importorskip("pyodbc", exc_type=ImportError)
    pytest.importorskip("mssql", exc_type=ImportError)
    from tests.sqlserver.clients import DRIVERS, find_driver  # noqa: PLC0415 - only these tests need it

    found = [driver for driver, _ in map(find_driver, DRIVERS) if driver]
    return found[0] if found else pytest.skip("no ODBC driver for SQL Server is there")


@pytest.fixture(scope="session")
def tsql_parses() -> Callable[[str], None]:
    """A check that a statement is T-SQL, which raises ValueError; skips where the parser is not there."""
    pytest.importorskip("sqlglot")
    from tests.sqlserver.grammar import check_tsql  # noqa: PLC0415 - only these tests need it

    return check_tsql


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process cannot write to, even as root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if not hasattr(os, "geteuid"):
        pytest.skip("rights of folders are not like this on this system")
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    _mount(folder, "ro,size=1m")
    yield folder
    _unmount(folder)


@pytest.fixture
def read_only_copy(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Copy a folder to a place where this process cannot write, even as root."""
    folder = tmp_path / "read-only-copy"
    folder.mkdir()
    _mount(folder, "size=16m")

    def copy(source: Path) -> Path:
        shutil.copytree(source, folder / "copy")
        subprocess.run([_program("mount"), "-o", "remount,ro", str(folder)], check=True)
        return folder / "copy"

    yield copy
    _unmount(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    _mount(folder, "size=16m")
    yield folder
    _unmount(folder)


def _program(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"there is no {name} here")


def _mount(folder: Path, options: str) -> None:
    command = [_program("mount"), "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount")
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")


def _unmount(folder: Path) -> None:
    subprocess.run([_program("umount"), str(folder)], capture_output=True, check=True)
