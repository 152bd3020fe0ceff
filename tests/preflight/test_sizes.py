"""Sizes, for people."""

from __future__ import annotations

import pytest

from upgrade_kit.model.server import StoredFile
from upgrade_kit.preflight.sizes import GIB, size, used


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 MB"), (1, "1 MB"), (5 * 1024**2, "5 MB"), (GIB - 1, "1024 MB"), (GIB, "1.0 GB"), (GIB * 5 // 2, "2.5 GB")],
)
def test_what_is_there_is_never_told_as_nothing(number: int, said: str) -> None:
    assert size(number) == said


@pytest.mark.parametrize(("told", "taken"), [(None, 7), (0, 0), (3, 3)])
def test_a_file_whose_use_is_not_told_counts_as_full(told: int | None, taken: int) -> None:
    file = StoredFile(
        name="x", is_log=False, size_bytes=7, used_bytes=told, max_bytes=None, grows=True, free_bytes=None
    )
    assert used(file) == taken
