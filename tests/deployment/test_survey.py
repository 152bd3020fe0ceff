from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.deployment.survey import read_machine, resolve_address, survey
from upgrade_kit.errors import SiteError, UsageError
from upgrade_kit.model.deployment import (
    Backups,
    Checkout,
    Database,
    Deployment,
    Disk,
    Interpreters,
    Schema,
    SchemaState,
    Settings,
)
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.unobserved import Absent, Unobserved

posix = pytest.mark.skipif(sys.platform == "win32", reason="locales have other names there")


def look(site: Path | str | None = None, **more: str | Path | None) -> Deployment:
    database = more.pop("database", None)
    log = more.pop("log", None)
    assert database is None or isinstance(database, str)
    assert log is None or isinstance(log, Path)
    return survey(site, database=database, log=log, interpreters=False)


def url(path: Path) -> str:
    return f"sqlite:///{path.as_posix()}"


@pytest.fixture
def site(tmp_path: Path, fixtures: Path) -> Path:
    """A copy of the 0.2.8 sample, without a database."""
    return Path(shutil.copytree(fixtures / "sites" / "0.2.8-sqlite", tmp_path / "site"))


def with_database(site: Path, database: Path, name: str = "qatrack.sqlite3") -> Path:
    (site / "db").mkdir()
    shutil.copyfile(database, site / "db" / name)
    return site


# What stops a survey


def test_neither_site_nor_database_is_an_error() -> None:
    with pytest.raises(UsageError, match="neither a site nor a database") as caught:
        survey()
    assert "--database" in caught.value.hint


def test_no_such_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="there is no folder"):
        look(tmp_path / "gone")


@pytest.mark.parametrize("text", ["nonsense", "oracle://x/y", "sqlite://"])
def test_a_database_url_that_is_none_is_an_error(site: Path, text: str) -> None:
    with pytest.raises(UsageError):
        look(site, database=text)
    with pytest.raises(UsageError):
        resolve_address(site, database=text)


def test_no_address_without_site_and_database() -> None:
    with pytest.raises(UsageError):
        resolve_address(None)


# What does not


def test_a_site_whose_database_is_missing_is_surveyed(site: Path) -> None:
    seen = look(site)
    assert seen.site == site.resolve()
    assert seen.version == Version("0.2.8")
    assert isinstance(seen.checkout, Checkout)
    assert isinstance(seen.settings, Settings)
    assert isinstance(seen.database, Unobserved)
    assert "qatrack.sqlite3" in seen.database.reason
    assert isinstance(seen.backups, Unobserved)
    assert isinstance(seen.versions_agree, Unobserved)
    assert isinstance(seen.disk, Disk)


def test_a_folder_that_is_no_site_is_surveyed(fixtures: Path) -> None:
    seen = look(fixtures / "sites" / "not-a-site")
    for fact in (seen.checkout, seen.settings, seen.database, seen.migrate_log):
        assert isinstance(fact, Unobserved)
        assert "is no QATrack+ checkout" in fact.reason
    assert isinstance(seen.version, Unobserved)


def test_settings_with_a_syntax_error_leave_the_checkout_known(fixtures: Path) -> None:
    seen = look(fixtures / "sites" / "syntax-error")
    assert seen.version == Version("0.2.9.1")
    assert isinstance(seen.settings, Unobserved)
    assert isinstance(seen.database, Unobserved)
    assert "line 6" in seen.database.reason


def test_what_was_not_asked_for_is_no_fault(tmp_path: Path) -> None:
    seen = look(database=url(tmp_path / "gone.sqlite3"))
    for fact in (seen.checkout, seen.settings, seen.interpreters, seen.migrate_log, seen.versions_agree):
        assert isinstance(fact, Unobserved)
        assert not fact.asked
    assert isinstance(seen.database, Unobserved)
    assert seen.database.asked
    assert seen.site is None


def test_a_survey_writes_nothing(site: Path) -> None:
    before = sorted(site.rglob("*"))
    look(site)
    assert sorted(site.rglob("*")) == before


def test_a_survey_has_its_time(site: Path) -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert survey(site, interpreters=False, now=moment).observed_at == moment
    assert look(site).observed_at.tzinfo is UTC


def test_the_interpreter_that_is_named_is_asked(site: Path) -> None:
    seen = survey(site, python=Path(sys.executable), environment={"PATH": ""})
    assert isinstance(seen.interpreters, Interpreters)
    assert len(seen.interpreters.found) == 1


def test_a_log_that_is_not_there_is_a_reason(site: Path, tmp_path: Path) -> None:
    assert look(site).migrate_log == Absent(f"there is no {site.resolve() / 'logs' / 'migrate.log'}")
    named = look(site, log=tmp_path / "gone.log").migrate_log
    assert isinstance(named, Unobserved)
    assert "gone.log" in named.reason


def test_the_log_is_found_in_the_site_or_where_it_is_named(site: Path, tmp_path: Path) -> None:
    text = "[23/Nov/2026 03:49:04] INFO [qatrack.migrations:23] nothing\n"
    (site / "logs").mkdir()
    (site / "logs" / "migrate.log").write_text(text, encoding="utf-8")
    (tmp_path / "other.log").write_text(text, encoding="utf-8")
    for found in (look(site).migrate_log, look(site, log=tmp_path / "other.log").migrate_log):
        assert isinstance(found, MigrateLog)


# The address


def test_the_url_overrides_the_settings(site: Path, tmp_path: Path) -> None:
    address = resolve_address(site, database=url(tmp_path / "other.sqlite3"))
    assert not isinstance(address, Unobserved)
    assert Path(address.name) == tmp_path / "other.sqlite3"


def test_without_a_url_the_settings_count(site: Path) -> None:
    address = resolve_address(site)
    assert not isinstance(address, Unobserved)
    assert Path(address.name) == site.resolve() / "db" / "qatrack.sqlite3"


def test_the_password_reaches_the_address_of_either(fixtures: Path) -> None:
    from_settings = resolve_address(fixtures / "sites" / "0.2.9.1-postgresql", password="given")
    from_url = resolve_address(None, database="postgresql://me@host/x", password="given")
    for address in (from_settings, from_url):
        assert not isinstance(address, Unobserved)
        assert address.password == "given"


def test_a_folder_that_is_no_site_has_no_address(fixtures: Path) -> None:
    assert isinstance(resolve_address(fixtures / "sites" / "not-a-site"), Unobserved)


# The machine


@posix
@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="no locale at all"),
        pytest.param({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, id="LC_ALL=C"),
        pytest.param({"LANG": "POSIX"}, id="LANG=POSIX"),
        pytest.param({"LC_CTYPE": "C.UTF-8"}, id="what a newer Python set by itself"),
    ],
)
def test_a_c_locale_is_seen_through_what_newer_pythons_do_about_it(environment: dict[str, str]) -> None:
    assert read_machine(environment).preferred_encoding == "ascii"


@posix
@pytest.mark.parametrize(
    "environment", [{"LC_ALL": "C.UTF-8"}, {"LANG": "en_US.UTF-8"}, {"LANG": "de_DE.UTF-8", "LC_CTYPE": "C.UTF-8"}]
)
def test_another_locale_is_not_taken_for_c(environment: dict[str, str]) -> None:
    assert read_machine(environment).preferred_encoding == _own_encoding()


def _own_encoding() -> str:
    import locale  # noqa: PLC0415 - only here

    return locale.getencoding()


# The databases that the real application made


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "version", "state"),
    [
        ("0.2.8.sqlite3", "0.2.8", SchemaState.COMPLETE),
        ("0.2.9.1.sqlite3", "0.2.9.1", SchemaState.COMPLETE),
        ("0.3.0.sqlite3", "0.3.0", SchemaState.COMPLETE),
        ("0.3.0.20.sqlite3", "0.3.0", SchemaState.COMPLETE),
    ],
)
def test_a_database_alone_tells_the_version(real: Path, tmp_path: Path, file: str, version: str, state: str) -> None:
    copy = shutil.copyfile(real / file, tmp_path / "copy.sqlite3")
    seen = look(database=url(copy))
    assert isinstance(seen.database, Database)
    assert isinstance(seen.database.schema, Schema)
    assert seen.database.schema.state == state
    assert seen.version == seen.database.schema.version
    assert isinstance(seen.version, Version)
    assert seen.version.release[:3] == Version(version).release[:3]
    assert isinstance(seen.backups, Backups)


@pytest.mark.real
@pytest.mark.parametrize(
    ("trap", "state", "words"),
    [
        ("stopped-at-qa-0013", SchemaState.PARTIAL, "half way from 0.2.9.1 to 0.3.0"),
        ("stopped-by-orphan", SchemaState.PARTIAL, "half way from 0.2.9.1 to 0.3.0"),
        ("skipped-0.2.9", SchemaState.SKIPPED, "past a version"),
    ],
)
def test_a_database_between_two_versions_is_of_none(
    real: Path, tmp_path: Path, trap: str, state: str, words: str
) -> None:
    copy = shutil.copyfile(real / "traps" / f"{trap}.sqlite3", tmp_path / "copy.sqlite3")
    seen = look(database=url(copy))
    assert isinstance(seen.database, Database)
    assert isinstance(seen.database.schema, Schema)
    assert seen.database.schema.state == state
    assert isinstance(seen.version, Unobserved)
    assert words in seen.version.reason


@pytest.mark.real
def test_checkout_and_schema_of_one_release_agree(real: Path, site: Path) -> None:
    path = site / "qatrack" / "settings.py"
    path.write_bytes(path.read_bytes().replace(b'"0.2.8"', b'"0.2.8.1"'))
    seen = look(with_database(site, real / "0.2.8.sqlite3"))
    assert seen.versions_agree is True
    assert seen.version == Version("0.2.8.1")


@pytest.mark.real
def test_a_schema_of_another_release_than_the_checkout_is_told(real: Path, site: Path) -> None:
    seen = look(with_database(site, real / "0.2.9.1.sqlite3"))
    assert seen.versions_agree is False
    assert seen.version == Version("0.2.9.1")
    assert isinstance(seen.checkout, Checkout)
    assert seen.checkout.version == Version("0.2.8")


@pytest.mark.real
def test_a_survey_leaves_the_database_as_it_is(real: Path, site: Path) -> None:
    file = with_database(site, real / "0.2.8.sqlite3") / "db" / "qatrack.sqlite3"
    before = file.read_bytes()
    look(site)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]
