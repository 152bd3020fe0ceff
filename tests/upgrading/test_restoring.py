"""The backup that leads back, looked at alone; what a rollback makes of it is in test_rollback.py."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.upgrading.site import access, plan_of, step
from upgrade_kit.backup.create import create_backup
from upgrade_kit.deployment.manifests import write_manifest
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.errors import UpgradeError
from upgrade_kit.model.backup import Backup
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.upgrading.journal import Happening, UpgradeJournal, begin_journal
from upgrade_kit.upgrading.proofs import SiteAccess
from upgrade_kit.upgrading.restoring import reliable_backup, told_of


@pytest.fixture
def site(folder: Path) -> SiteAccess:
    return access(plan_of(folder, step("a")))


@pytest.fixture
def backup(site: SiteAccess) -> Backup:
    return create_backup(site.plan.database, to_dir=site.plan.work / "backups")


def journal(site: SiteAccess, *manifests: Path) -> UpgradeJournal:
    begun = begin_journal(site.plan, {"head": "1"})
    for manifest in manifests:
        begun.add(Happening.PROVED, "backup", manifest=str(manifest))
    return begun


def test_a_whole_one_is_relied_on(site: SiteAccess, backup: Backup) -> None:
    assert reliable_backup(backup.made.manifest, site).made == backup.made


def test_one_that_was_never_verified_is_not(site: SiteAccess, backup: Backup) -> None:
    write_manifest(backup.made)
    with pytest.raises(UpgradeError, match=r"it is not verified\. Nothing was taken back"):
        reliable_backup(backup.made.manifest, site)


def test_one_of_another_database_is_not(site: SiteAccess, tmp_path: Path) -> None:
    build_sample_database(tmp_path / "other.db", VersionGraph.load().resolve("0.2.9.1"))
    other = create_backup(f"sqlite:///{(tmp_path / 'other.db').as_posix()}", to_dir=tmp_path / "backups")
    with pytest.raises(UpgradeError, match=r"it is of sqlite:///.*other\.db, and the database of this upgrade is"):
        reliable_backup(other.made.manifest, site)


def test_settings_that_lead_nowhere_now_say_nothing_against_it(site: SiteAccess, backup: Backup) -> None:
    def unknown() -> None:
        raise UpgradeError("the site's database is not known.")

    nowhere = replace(site, address=unknown)  # type: ignore[arg-type]
    assert reliable_backup(backup.made.manifest, nowhere).made == backup.made
    assert not any("Numbers of rows" in line for line in told_of(backup, journal(nowhere), nowhere))


def test_which_backup_goes_where_and_what_it_lacks_is_told(site: SiteAccess, backup: Backup) -> None:
    first, lacks, kept = told_of(backup, journal(site, backup.made.manifest), site)
    assert str(backup.made.manifest) in first
    assert site.plan.database in first
    assert lacks.endswith("unchanged.")
    assert "kept" in kept


def test_tables_with_more_or_fewer_rows_are_named(site: SiteAccess, backup: Backup, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "site.db")) as database, database:
        before = database.execute("SELECT count(*) FROM qa_test").fetchone()[0]
        database.execute("DELETE FROM qa_test")
    text = " ".join(told_of(backup, journal(site, backup.made.manifest), site))
    assert f"qa_test ({before} -> 0)." in text


def test_a_database_half_way_through_its_migrations_is_not_counted(
    site: SiteAccess, backup: Backup, folder: Path
) -> None:
    with closing(sqlite3.connect(folder / "site.db")) as database, database:
        database.execute("DELETE FROM south_migrationhistory WHERE id = (SELECT max(id) FROM south_migrationhistory)")
        database.execute("DELETE FROM qa_test")
    assert "qa_test" not in " ".join(told_of(backup, journal(site, backup.made.manifest), site))


def test_an_upgrade_that_was_finished_is_told_with_its_time(site: SiteAccess, backup: Backup) -> None:
    over = journal(site, backup.made.manifest)
    assert not any("was finished" in line for line in told_of(backup, over, site))
    over.add(Happening.FINISHED)
    assert any(f"finished {over.events[-1].at:%Y-%m-%d}" in line for line in told_of(backup, over, site))
