from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from upgrade_kit.model.deployment import (
    Backups,
    Deployment,
)
from upgrade_kit.model.dumps import DumpedRows, FoundDump, FoundDumps
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.places import BackupPlace
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, Procedure, Reads, Rewrite, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.uploads import SiteUploads
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.backup import (
    backup_can_be_written,
    backup_has_room,
    backup_is_elsewhere,
    dumps_are_of_this_database,
    dumps_can_be_read,
    dumps_hold_what_they_need,
    uploads_are_backed_up,
    verified_backup_exists,
)

Ask = Callable[..., Result]


class TestBackup:
    NONE = Backups(looked_in=(Path("backups"),), current=(), stale=())

    def test_a_current_one_passes_and_is_named(self, ask: Ask) -> None:
        result = ask(verified_backup_exists)
        assert isinstance(result, Passed)
        assert "site.manifest.json (2026-03-01 08:30 UTC)" in result.seen

    def test_none_is_an_error_with_the_command_for_this_site(self, ask: Ask) -> None:
        result = ask(verified_backup_exists, backups=self.NONE)
        assert isinstance(result, Found)
        (finding,) = result.findings
        assert finding.severity is Severity.ERROR
        assert finding.hint.splitlines()[-1] == "    upgrade-kit backup site"

    def test_without_a_folder_the_command_names_the_database(self, ask: Ask) -> None:
        no_folder = Unobserved("no site folder was given", asked=False)
        result = ask(verified_backup_exists, backups=self.NONE, site=None, settings=no_folder)
        assert isinstance(result, Found)
        command = "    upgrade-kit backup --database sqlite:////data/qatrack.db"
        assert result.findings[0].hint.splitlines()[-1] == command

    def test_a_stale_one_is_named_with_its_reason(self, ask: Ask) -> None:
        stale = replace(self.NONE, stale=((Path("old.manifest.json"), "12 rows were added since"),))
        result = ask(verified_backup_exists, backups=stale)
        assert isinstance(result, Found)
        assert "old.manifest.json: 12 rows were added since" in result.findings[0].message

    def test_nothing_to_write_needs_no_backup(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.3.0", "0.3.0")
        assert isinstance(ask(verified_backup_exists, backups=self.NONE, path=path), NotApplicable)

    def test_a_rewrite_ahead_needs_one(self, ask: Ask, graph: VersionGraph) -> None:
        item = PlannedRewrite(
            procedure=Procedure(test_id=1, slug="a", name="A", type="upload", source="FILE"),
            rewrite=Rewrite(outcome=Outcome.REWRITE, reads=Reads.BYTES, reason="", before="FILE", source="BIN_FILE"),
            listed=True,
            selected=True,
        )
        result = ask(
            verified_backup_exists,
            backups=self.NONE,
            path=graph.path("0.3.0", "0.3.0"),
            plan=RewritePlan(items=(item,), listed=1),
        )
        assert isinstance(result, Found)

    def test_folders_that_could_not_be_read_are_no_pass(self, ask: Ask) -> None:
        assert ask(verified_backup_exists, backups=Unobserved("denied")) == CouldNotRun("denied")


class TestPlace:
    TO_GO = BackupPlace(folder=Path("d"), is_kept=False, obstacle="", free_bytes=2_000_000, shares_volume=False)

    def test_a_place_with_just_enough_room_passes_every_check(self, ask: Ask) -> None:
        for check in (backup_can_be_written, backup_has_room, backup_is_elsewhere):
            assert isinstance(ask(check, backup_place=self.TO_GO), Passed)

    def test_a_byte_less_is_an_error(self, ask: Ask) -> None:
        result = ask(backup_has_room, backup_place=replace(self.TO_GO, free_bytes=1_999_999))
        assert isinstance(result, Found)
        assert result.findings[0].severity is Severity.ERROR

    def test_room_that_is_not_known_is_no_pass(self, ask: Ask) -> None:
        place = replace(self.TO_GO, free_bytes=Unobserved("denied"))
        assert ask(backup_has_room, backup_place=place) == CouldNotRun("denied")

    def test_a_database_of_unknown_size_is_no_pass(self, ask: Ask) -> None:
        size = {"size_bytes": Unobserved("no right")}
        assert ask(backup_has_room, backup_place=self.TO_GO, in_database=size) == CouldNotRun("no right")

    def test_a_volume_that_cannot_be_told_is_told_and_stops_nothing(self, ask: Ask) -> None:
        """On a server of this machine that says nothing of its files, it would else never be known."""
        place = replace(self.TO_GO, shares_volume=Unobserved("the server does not say"))
        result = ask(backup_is_elsewhere, backup_place=place)
        assert isinstance(result, Found)
        assert [finding.severity for finding in result.findings] == [Severity.INFO]

    def test_a_backup_on_the_server_is_on_a_disk_that_only_the_server_knows(self, ask: Ask) -> None:
        result = ask(backup_is_elsewhere, backup_place=replace(self.TO_GO, on_server=True))
        assert isinstance(result, Found)
        assert result.findings[0].severity is Severity.INFO

    def test_where_nothing_is_to_be_written_no_place_is_wanted(self, ask: Ask, graph: VersionGraph) -> None:
        place = replace(self.TO_GO, obstacle="it is a file", shares_volume=True)
        for check in (backup_can_be_written, backup_has_room, backup_is_elsewhere):
            result = ask(check, backup_place=place, path=graph.path("0.3.0", "0.3.0"))
            assert isinstance(result, NotApplicable)


class TestUploads:
    def test_the_good_site_passes(self, ask: Ask) -> None:
        assert ask(uploads_are_backed_up) == Passed("2 files")

    def test_files_that_could_not_be_counted_are_no_pass(self, ask: Ask, site: Deployment) -> None:
        assert isinstance(site.uploads, SiteUploads)
        uploads = replace(site.uploads, files=Unobserved("it took too long"))
        assert ask(uploads_are_backed_up, uploads=uploads) == CouldNotRun("it took too long")


class TestDumps:
    FOUND = FoundDump(file=Path("backup.json"), size_bytes=9, models=(("qa.test", 3),), units=("Linac 1",))
    DATABASE = DumpedRows(rows=(("qa.test", 3),), units=("Linac 1",))

    def test_a_dump_of_the_database_passes(self, ask: Ask) -> None:
        dumps = FoundDumps(looked_in=(), found=(self.FOUND,), database=self.DATABASE)
        assert ask(dumps_are_of_this_database, dumps=dumps) == Passed("backup.json")

    def test_another_version_is_named(self, ask: Ask) -> None:
        older = replace(self.FOUND, version="0.2.8")
        result = ask(dumps_are_of_this_database, dumps=FoundDumps(looked_in=(), found=(older,), database=self.DATABASE))
        assert isinstance(result, Found)
        assert result.findings[0].message == "backup.json: of 0.2.8, and the database is at 0.2.9.1"

    def test_dumps_that_are_not_of_the_database_are_one_finding_that_names_each(self, ask: Ask) -> None:
        older = replace(self.FOUND, version="0.2.8")
        found = (older, replace(older, file=Path("other.json")), replace(self.FOUND, file=Path("right.json")))
        result = ask(dumps_are_of_this_database, dumps=FoundDumps(looked_in=(), found=found, database=self.DATABASE))
        assert isinstance(result, Found)
        (finding,) = result.findings
        assert finding.where == "backup.json, other.json"
        assert "backup.json: of 0.2.8" in finding.message
        assert "other.json: of 0.2.8" in finding.message
        assert "right.json" not in finding.message

    def test_what_several_dumps_lack_is_one_finding_for_each_thing(self, ask: Ask) -> None:
        types = (("contenttypes.contenttype", 1), ("qa.test", 3))
        found = (
            *(replace(self.FOUND, file=Path(f"types-{number}.json"), models=types) for number in (1, 2)),
            *(replace(self.FOUND, file=Path(f"part-{number}.json"), models=()) for number in (1, 2)),
            *(replace(self.FOUND, file=Path(f"numbers-{number}.json"), by_number=("auth.group",)) for number in (1, 2)),
        )
        result = ask(dumps_hold_what_they_need, dumps=FoundDumps(looked_in=(), found=found, database=self.DATABASE))
        assert isinstance(result, Found)
        assert [(finding.severity, finding.where) for finding in result.findings] == [
            (Severity.WARNING, "part-1.json, part-2.json"),
            (Severity.WARNING, "numbers-1.json, numbers-2.json"),
            (Severity.INFO, "types-1.json, types-2.json"),
        ]

    @pytest.mark.parametrize("found", [(), (FOUND,)], ids=["no dump", "a dump that is whole"])
    def test_a_folder_that_could_not_be_listed_is_no_pass(self, found: tuple[FoundDump, ...], ask: Ask) -> None:
        dumps = FoundDumps(looked_in=(), found=found, unread=("closed (Permission denied)",))
        assert isinstance(ask(dumps_can_be_read, dumps=dumps), CouldNotRun)
