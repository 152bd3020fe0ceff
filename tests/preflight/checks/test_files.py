from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from upgrade_kit.model.deployment import (
    Disk,
    Volume,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.migrate_log import FailedAttachment, ListedTest, MigrateLog, Python3Notice
from upgrade_kit.model.places import LogPlace
from upgrade_kit.model.unobserved import Absent, Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.files import (
    ENVIRONMENT_BYTES,
    disk_has_room,
    logs_can_be_written,
    migration_log_is_plain,
    migration_log_is_there,
)

Ask = Callable[..., Result]
MB = 1_000_000


def volume(purpose: str, free: int, *, total: int = 900 * MB) -> Volume:
    return Volume(path=Path(purpose), purpose=purpose, free_bytes=free, total_bytes=total)


def disk(*volumes: Volume, uploads: int | Unobserved = 0) -> Disk:
    return Disk(volumes=volumes, uploads_bytes=uploads)


def only_finding(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding


class TestDisk:
    SIZE: ClassVar[dict[str, Any]] = {"size_bytes": 100 * MB}

    def test_room_for_twice_the_database_passes(self, ask: Ask) -> None:
        room = disk(volume("the database", 200 * MB))
        assert isinstance(ask(disk_has_room, disk=room, in_database=self.SIZE), Passed)

    def test_a_byte_less_is_an_error_that_names_the_disk(self, ask: Ask) -> None:
        room = disk(volume("the database", 200 * MB - 1))
        finding = only_finding(ask(disk_has_room, disk=room, in_database=self.SIZE))
        assert finding.severity is Severity.ERROR
        assert finding.where == "the database"

    def test_uploads_are_copied_where_the_site_is(self, ask: Ask) -> None:
        places = (volume("the database", 800 * MB), volume("the site", ENVIRONMENT_BYTES + 300 * MB, total=2000 * MB))
        assert isinstance(ask(disk_has_room, disk=disk(*places, uploads=300 * MB), in_database=self.SIZE), Passed)
        short = ask(disk_has_room, disk=disk(*places, uploads=301 * MB), in_database=self.SIZE)
        assert only_finding(short).where == "the site"

    def test_uploads_are_not_copied_before_030(self, ask: Ask, graph: VersionGraph) -> None:
        room = disk(volume("the database", 200 * MB), volume("the site", MB), uploads=500 * MB)
        path = graph.path("0.2.8", "0.2.9.1")
        assert isinstance(ask(disk_has_room, disk=room, in_database=self.SIZE, path=path), Passed)

    def test_folders_on_one_disk_share_its_room(self, ask: Ask) -> None:
        places = (volume("the database", 350 * MB), volume("the site", 350 * MB))
        finding = only_finding(ask(disk_has_room, disk=disk(*places, uploads=200 * MB), in_database=self.SIZE))
        assert "for the database, the site" in finding.message

    def test_a_new_environment_is_made_where_the_site_is(self, ask: Ask) -> None:
        room = disk(volume("the site", ENVIRONMENT_BYTES + 99 * MB))
        assert only_finding(ask(disk_has_room, disk=room, in_database=self.SIZE)).where == "the site"
        room = disk(volume("the site", ENVIRONMENT_BYTES + 100 * MB))
        assert isinstance(ask(disk_has_room, disk=room, in_database=self.SIZE), Passed)

    def test_uploads_on_a_disk_of_their_own_are_copied_there(self, ask: Ask) -> None:
        places = (volume("the database", 850 * MB), volume("the site", 700 * MB, total=800 * MB))
        on_their_own = volume("the uploads", 300 * MB)
        assert isinstance(
            ask(disk_has_room, disk=disk(*places, on_their_own, uploads=300 * MB), in_database=self.SIZE), Passed
        )
        short = ask(disk_has_room, disk=disk(*places, on_their_own, uploads=301 * MB), in_database=self.SIZE)
        assert only_finding(short).where == "the uploads"

    def test_a_backup_takes_database_and_uploads(self, ask: Ask) -> None:
        places = (volume("the database", 850 * MB), volume("the uploads", 899 * MB))
        backup = volume("the backup", 299 * MB, total=300 * MB)
        short = ask(disk_has_room, disk=disk(*places, backup, uploads=200 * MB), in_database=self.SIZE)
        assert only_finding(short).where == "the backup"

    def test_folders_on_two_disks_do_not(self, ask: Ask) -> None:
        places = (volume("the database", 350 * MB), volume("the site", 950 * MB, total=1000 * MB))
        result = ask(disk_has_room, disk=disk(*places, uploads=200 * MB), in_database=self.SIZE)
        assert isinstance(result, Passed)

    def test_without_a_site_folder_the_uploads_are_not_asked_for(self, ask: Ask) -> None:
        room = disk(volume("the database", 200 * MB), uploads=Unobserved("no site folder", asked=False))
        assert isinstance(ask(disk_has_room, disk=room, in_database=self.SIZE), Passed)

    def test_uploads_that_could_not_be_measured_are_no_pass(self, ask: Ask) -> None:
        room = disk(volume("the database", 900 * MB), uploads=Unobserved("denied"))
        assert ask(disk_has_room, disk=room, in_database=self.SIZE) == CouldNotRun("denied")

    def test_a_database_of_unknown_size_is_no_pass(self, ask: Ask) -> None:
        facts = {"size_bytes": Unobserved("no right")}
        assert ask(disk_has_room, in_database=facts) == CouldNotRun("no right")

    def test_no_known_volume_is_no_pass(self, ask: Ask) -> None:
        assert isinstance(ask(disk_has_room, disk=disk()), CouldNotRun)

    def test_a_disk_that_could_not_be_measured_is_no_pass(self, ask: Ask) -> None:
        assert ask(disk_has_room, disk=Unobserved("denied")) == CouldNotRun("denied")

    def test_a_site_at_its_target_needs_none(self, ask: Ask, graph: VersionGraph) -> None:
        result = ask(disk_has_room, disk=disk(), path=graph.path("0.3.0", "0.3.0"))
        assert isinstance(result, NotApplicable)


class TestLog:
    LOG = MigrateLog(
        files=(Path("logs/migrate.log"),),
        encodings=("utf-8",),
        runs=1,
        listed=(ListedTest(name="A", slug="a", where="logs/migrate.log:2"),),
        failed_attachments=(),
        python3_notices=(),
        notes=(),
    )

    @pytest.fixture
    def read(self, ask: Ask, graph: VersionGraph) -> Callable[[MigrateLog | Unobserved], Result]:
        path = graph.path("0.3.0", "0.3.0")
        return lambda log: ask(migration_log_is_there, migrate_log=log, path=path)

    def test_a_log_with_its_list_passes(self, read: Callable[[MigrateLog], Result]) -> None:
        result = read(self.LOG)
        assert isinstance(result, Passed)
        assert result.seen.endswith("migrate.log: 1 listed")

    def test_a_missing_log_is_a_warning(self, read: Callable[[Unobserved], Result]) -> None:
        finding = only_finding(read(Absent("there is no logs/migrate.log")))
        assert finding.severity is Severity.WARNING
        assert "there is no logs/migrate.log" in finding.message
        assert finding.hint.splitlines()[-1] == "    upgrade-kit preflight site --log FILE"

    def test_a_log_without_the_list_is_a_warning(self, read: Callable[[MigrateLog], Result]) -> None:
        assert "no list of upload tests" in only_finding(read(replace(self.LOG, runs=0, listed=()))).message

    def test_files_that_were_not_moved_are_named(self, read: Callable[[MigrateLog], Result]) -> None:
        failed = tuple(
            FailedAttachment(file=name, test_instance_id=1, test_list_instance_id=2, where=f"logs/migrate.log:{line}")
            for line, name in enumerate(("a.dcm", "b.dcm"), start=7)
        )
        finding = only_finding(read(replace(self.LOG, failed_attachments=failed)))
        assert "could not move 2 uploaded files: a.dcm, b.dcm" in finding.message
        assert finding.where == "logs/migrate.log:7"

    def test_procedures_that_python_3_cannot_parse_are_named(self, read: Callable[[MigrateLog], Result]) -> None:
        notice = Python3Notice(name="Output", test_id=9, where="logs/migrate.log:3")
        finding = only_finding(read(replace(self.LOG, python3_notices=(notice,))))
        assert "Output (id 9)" in finding.message

    def test_a_log_that_cannot_be_read_is_no_pass(self, read: Callable[[MigrateLog | Unobserved], Result]) -> None:
        assert read(Unobserved("permission denied")) == CouldNotRun("permission denied")
        assert read(replace(self.LOG, unread=("the older one is closed",))) == CouldNotRun("the older one is closed")

    def test_without_a_site_folder_it_does_not_apply(self, read: Callable[[Unobserved], Result]) -> None:
        assert read(Unobserved("no site folder", asked=False)) == NotApplicable("no site folder")

    def test_before_the_upgrade_there_is_none_to_look_for(self, ask: Ask) -> None:
        assert isinstance(ask(migration_log_is_there, migrate_log=self.LOG), NotApplicable)

    def test_without_a_known_version_it_is_no_pass(self, ask: Ask) -> None:
        result = ask(migration_log_is_there, migrate_log=self.LOG, path=Unobserved("no version"))
        assert result == CouldNotRun("no version")


class TestPlaceOfLogs:
    def test_a_folder_that_can_be_written_passes(self, ask: Ask) -> None:
        assert isinstance(ask(logs_can_be_written), Passed)

    def test_what_stands_in_the_way_is_an_error(self, ask: Ask) -> None:
        place = LogPlace(folder=Path("logs"), obstacles=((Path("logs/migrate.log"), "it is a folder"),))
        finding = only_finding(ask(logs_can_be_written, log_place=place))
        assert finding.severity is Severity.ERROR
        assert "logs/migrate.log: it is a folder".replace("/", str(Path("/"))[-1]) in finding.message

    def test_after_the_upgrade_it_is_not_asked(self, ask: Ask, graph: VersionGraph) -> None:
        assert isinstance(ask(logs_can_be_written, path=graph.path("0.3.0", "0.3.0")), NotApplicable)

    def test_a_folder_that_could_not_be_looked_at_is_no_pass(self, ask: Ask) -> None:
        assert ask(logs_can_be_written, log_place=Unobserved("denied")) == CouldNotRun("denied")


class TestPlainLog:
    @pytest.fixture
    def read(self, ask: Ask, graph: VersionGraph) -> Callable[[MigrateLog | Unobserved], Result]:
        path = graph.path("0.3.0", "0.3.0")
        return lambda log: ask(migration_log_is_plain, migrate_log=log, path=path)

    def test_one_run_without_notes_passes(self, read: Callable[[MigrateLog], Result]) -> None:
        assert isinstance(read(TestLog.LOG), Passed)

    def test_what_is_to_be_known_of_the_log_itself_is_told(self, read: Callable[[MigrateLog], Result]) -> None:
        finding = only_finding(read(replace(TestLog.LOG, runs=2, notes=("2 lists were found",))))
        assert finding.severity is Severity.INFO
        assert finding.message == "2 lists were found"

    def test_a_log_without_a_list_is_the_matter_of_another_check(self, read: Callable[[MigrateLog], Result]) -> None:
        assert isinstance(read(replace(TestLog.LOG, runs=0, notes=("it is empty",))), NotApplicable)

    def test_a_log_that_is_not_there_is_the_matter_of_another_check(self, read: Callable[[Unobserved], Result]) -> None:
        assert read(Absent("there is none")) == NotApplicable("there is none: see UK505")

    def test_a_log_that_cannot_be_read_is_no_pass(self, read: Callable[[Unobserved], Result]) -> None:
        assert read(Unobserved("permission denied")) == CouldNotRun("permission denied")

    def test_before_the_migration_there_is_none(self, ask: Ask) -> None:
        assert isinstance(ask(migration_log_is_plain, migrate_log=TestLog.LOG), NotApplicable)
