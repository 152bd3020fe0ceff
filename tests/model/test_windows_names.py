"""Which names Windows has no file for."""

from __future__ import annotations

import pytest

from upgrade_kit.model.windows_names import impossible_on_windows


@pytest.mark.parametrize(
    "name", ["scan.dcm", "a b (1).dcm", "auxiliary.txt", "..hidden", "Gr\xf6\xdfe.dcm", "\u4e2d.txt"]
)
def test_windows_holds_what_is_usual(name: str) -> None:
    assert not impossible_on_windows(name)


@pytest.mark.parametrize("name", ["10:30.dcm", "a?", "aux", "AUX.txt", "con.1.txt", "scan.", "scan ", "a\tb", "\udcf6"])
def test_windows_does_not_hold_these(name: str) -> None:
    assert impossible_on_windows(name)
