"""Rules on servers: what is accepted, and that what is wrong is told by file, key and reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.errors import RulesError
from upgrade_kit.planning.servers import ServerLine, line_of, load_server_lines

ONE = """\
[[lines]]
product = "PostgreSQL"
source = "its makers"
until = { "9" = 2001-01-01, "9.3" = 2018-11-08, "10" = 2022-11-10 }
"""


def rules(root: Path, text: str) -> Path:
    (root / "servers").mkdir()
    (root / "servers" / "one.toml").write_text(text, encoding="utf-8")
    return root


def test_each_version_is_a_line(tmp_path: Path) -> None:
    lines = load_server_lines([rules(tmp_path, ONE)])
    assert [str(line.version) for line in lines] == ["9", "9.3", "10"]
    assert lines[1] == ServerLine(
        product="PostgreSQL", version=Version("9.3"), until=date(2018, 11, 8), source="its makers"
    )


@pytest.mark.parametrize(
    ("product", "version", "line"),
    [
        ("PostgreSQL", "9.3.4", "9.3"),
        ("PostgreSQL", "9.4.1", "9"),
        ("PostgreSQL", "10.22", "10"),
        ("PostgreSQL", "100.1", None),
        ("MySQL", "10.1", None),
    ],
)
def test_a_version_belongs_to_the_longest_line_that_fits(
    product: str, version: str, line: str | None, tmp_path: Path
) -> None:
    found = line_of(product, Version(version), load_server_lines([rules(tmp_path, ONE)]))
    assert (None if found is None else str(found.version)) == line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lines = 3", "must hold [[lines]]"),
        (ONE + "[more]\n", "must hold [[lines]]"),
        ("[[lines]]\nproduct = 'x'\n", "must hold product, source, until"),
        (ONE.replace("2001-01-01", '"soon"'), "must be a table of days"),
        (ONE.replace("2001-01-01", "2001-01-01T00:00:00"), "must be a table of days"),
        (ONE.replace('"9.3"', '"nine"'), "Invalid version"),
        ("[[lines", "is not TOML"),
    ],
)
def test_what_is_wrong_is_told_with_the_file(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"one\.toml") as raised:
        load_server_lines([rules(tmp_path, text)])
    assert said in str(raised.value)


def test_folders_without_servers_have_no_lines(tmp_path: Path) -> None:
    assert load_server_lines([tmp_path]) == ()


def test_the_kits_own_lines_are_in_order() -> None:
    lines = load_server_lines()
    assert {line.product for line in lines} == {"PostgreSQL", "MySQL", "MariaDB", "SQL Server"}
    assert all(line.source for line in lines)
