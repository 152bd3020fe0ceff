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
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.files import disk_has_room, migration_log_is_there

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
        places = (volume("the database", 800 * MB), volume("the site", 300 * MB))
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

    def test_folders_on_two_disks_do_not(self, ask: Ask) -> None:
        places = (volume("the database", 350 * MB), volume("the site", 350 * MB, total=700 * MB))
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
        finding = only_finding(read(Unobserved("there is no logs/migrate.log")))
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

    def test_without_a_site_folder_it_does_not_apply(self, read: Callable[[Unobserved], Result]) -> None:
        assert read(Unobserved("no site folder", asked=False)) == NotApplicable("no site folder")

    def test_before_the_upgrade_there_is_none_to_look_for(self, ask: Ask) -> None:
        assert isinstance(ask(migration_log_is_there, migrate_log=self.LOG), NotApplicable)

    def test_without_a_known_version_it_is_no_pass(self, ask: Ask) -> None:
        result = ask(migration_log_is_there, migrate_log=self.LOG, path=Unobserved("no version"))
        assert result == CouldNotRun("no version")
