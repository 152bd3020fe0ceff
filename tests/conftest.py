"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of databases, logs and dumps that the real application made; skips where it is not."""
    folder = ROOT.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("the real application's databases are not beside this checkout")
    return folder


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


@pytest.fixture(scope="session")
def tsql_parses() -> Callable[[str], None]:
    """A check that a statement is T-SQL, which raises ValueError; skips where the parser is not there."""
    pytest.importorskip("sqlglot")
    from tests.sqlserver.grammar import check_tsql  # noqa: PLC0415 - only these tests need it

    return check_tsql
