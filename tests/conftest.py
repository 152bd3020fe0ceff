"""What every test may ask for."""

from __future__ import annotations

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
