from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.backup.names import backup_name, reserve

MOMENT = datetime(2026, 11, 23, 16, 15, tzinfo=UTC)


def test_a_name_holds_database_version_and_time() -> None:
    assert backup_name("db.sqlite3", "0.2.9.1", MOMENT) == "db-0.2.9.1-20261123T161500Z"


def test_an_unknown_version_leaves_no_gap() -> None:
    assert backup_name("db.sqlite3", "", MOMENT) == "db-20261123T161500Z"


def test_the_time_is_in_utc_whatever_the_zone() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=-5)))
    assert backup_name("db", "", there) == backup_name("db", "", MOMENT)


@pytest.mark.parametrize(
    ("database", "stem"),
    [
        pytest.param("qualit\u00e9 \u00e0 Montr\u00e9al.db", "qualite-a-Montreal", id="accents are dropped"),
        pytest.param("a#b?c%d.db", "a-b-c-d", id="characters that URLs and Windows mind become hyphens"),
        pytest.param("manifest.sqlite3", "database", id="the word that marks a manifest is left out"),
        pytest.param("My-MANIFEST-db.sqlite3", "My--db", id="in capitals too"),
        pytest.param("manimanifestfest.db", "database", id="and when it appears by leaving it out"),
        pytest.param("\u0431\u0430\u0437\u0430.db", "database", id="a name without any ASCII letter is replaced"),
        pytest.param("con.aux.db", "con-aux", id="no dot, so that no device of Windows is named"),
    ],
)
def test_a_database_name_is_made_safe(database: str, stem: str) -> None:
    assert backup_name(database, "", MOMENT) == f"{stem}-20261123T161500Z"


@given(st.text(max_size=300), st.text(max_size=20))
def test_whatever_the_names_the_result_is_short_plain_and_no_manifest(database: str, version: str) -> None:
    name = backup_name(database, version, MOMENT)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,120}", name)
    assert "manifest" not in name.lower()


def test_a_second_reservation_gets_another_name(tmp_path: Path) -> None:
    first, second = reserve(tmp_path, "db", ".sqlite3"), reserve(tmp_path, "db", ".sqlite3")
    assert (first.file.name, second.file.name) == ("db.sqlite3", "db-2.sqlite3")


@pytest.mark.parametrize("taken", ["db.sqlite3", "db.manifest.json"])
def test_a_name_that_is_in_use_is_passed_over(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine", encoding="utf-8")
    assert reserve(tmp_path, "db", ".sqlite3").file.name == "db-2.sqlite3"
    assert (tmp_path / taken).read_text(encoding="utf-8") == "mine"


def test_a_dangling_link_counts_as_in_use(tmp_path: Path) -> None:
    try:
        (tmp_path / "db.sqlite3").symlink_to(tmp_path / "nowhere")
    except OSError:
        pytest.skip("links are not allowed here")
    assert reserve(tmp_path, "db", ".sqlite3").file.name == "db-2.sqlite3"


def test_release_removes_the_temporary_file_and_what_lies_beside_it(tmp_path: Path) -> None:
    reserved = reserve(tmp_path, "db", ".sqlite3")
    (tmp_path / f"{reserved.partial.name}-journal").touch()
    reserved.release()
    assert list(tmp_path.iterdir()) == []
