"""The checks of where a backup goes, and of dumps that somebody made by hand, on files as they are.

A name under fixtures/ holds the check, its answer, and what the case is. A folder is one in which dumps lie.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.cases import FOLDER, answer, of_family, parts, told
from tests.end_to_end.ordinary_user import as_ordinary_user
from upgrade_kit.backup.create import create_backup
from upgrade_kit.deployment.address import parse_database_url
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Severity
from upgrade_kit.planning.graph import VersionGraph

CASES = FOLDER / "backup"
DUMPS = of_family("backup", "25[678]-*")
PLACES = of_family("backup", "251-*")
POSIX = pytest.mark.skipif(os.name != "posix", reason="rights are others on Windows")
GIB = 1 << 30
RELEASES = VersionGraph.load().releases


@pytest.fixture
def site(tmp_path: Path) -> Path:
    build_sample_site(tmp_path / "site", VersionGraph.load().resolve("0.2.9.1"))
    return tmp_path / "site"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def observed(site: Path, *folders: Path, to: Path | None = None) -> Deployment:
    return survey(site, interpreters=False, backup_folders=folders, backup_to=to, releases=RELEASES)


def backed_up(site: Path, *, uploads: bool = True) -> Path:
    """Make a verified backup of a sample site and return its folder."""
    address = parse_database_url(f"sqlite:///{site / 'db' / 'default.db'}", base=site)
    folder = site.parent / "backups"
    create_backup(address, to_dir=folder, uploads=site / "qatrack" / "media" / "uploads" if uploads else None)
    return folder


class TestDumps:
    @pytest.mark.parametrize("case", DUMPS, ids=lambda case: case.name)
    def test_each_case_gets_its_answer(self, case: Path, site: Path) -> None:
        id_, expected, _ = parts(case)
        before = {file: file.read_bytes() for file in case.rglob("*") if file.is_file()}

        result = answer(observed(site, case), id_)

        assert {file: file.read_bytes() for file in case.rglob("*") if file.is_file()} == before
        findings = told(result, expected)
        assert len(findings) == (expected != "passed")
        for finding in findings:
            assert Path(finding.where).is_file()
            assert "    upgrade-kit backup " in finding.hint

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("UK256-warning-utf-16-of-powershell", "PowerShell's > writes that"),
            ("UK256-warning-cut-off-between-objects", "cut off after"),
            ("UK256-warning-empty", "the file is empty"),
            ("UK256-warning-binary", "this is no text"),
            ("UK256-warning-utf-16-big-endian", '\n    cmd /c "python manage.py dumpdata > FILE"\nA backup'),
            ("UK256-warning-code-page-850", "not UTF-8: byte"),
        ],
    )
    def test_what_is_wrong_is_said_in_words(self, name: str, words: str, site: Path) -> None:
        result = answer(observed(site, CASES / name), "UK256")
        assert isinstance(result, Found)
        assert words in f"{result.findings[0].message} {result.findings[0].hint}"

    @pytest.mark.parametrize("name", ["0.2.8", "0.2.9.1", "0.3.0"])
    def test_a_dump_that_the_application_made_can_be_read(self, name: str, site: Path, fixtures: Path) -> None:
        folder = site.parent / "dumps"
        folder.mkdir()
        shutil.copyfile(fixtures / "dumps" / f"{name}.json", folder / f"backup-{name}.json")
        seen = observed(site, folder)
        assert isinstance(answer(seen, "UK256"), Passed)
        result = answer(seen, "UK257")
        assert isinstance(result, Found)
        assert [finding.severity for finding in result.findings] == [Severity.INFO]

    def test_a_compressed_dump_is_read_as_well(self, site: Path) -> None:
        folder = site.parent / "dumps"
        folder.mkdir()
        text = (CASES / "UK256-passed-as-dumpdata-writes-it" / "backup-0.2.8-2018-10-09.json").read_bytes()
        (folder / "backup.json.gz").write_bytes(gzip.compress(text))
        assert isinstance(answer(observed(site, folder), "UK258"), Passed)
        (folder / "backup.json.gz").write_bytes(gzip.compress(text)[:-20])
        assert isinstance(answer(observed(site, folder), "UK256"), Found)

    def test_the_kits_own_dumps_are_left_to_their_manifests(self, site: Path) -> None:
        address = parse_database_url(f"sqlite:///{site / 'db' / 'default.db'}", base=site)
        folder = site.parent / "backups"
        create_backup(address, to_dir=folder, method="json")
        assert [file.suffixes[-1] for file in folder.iterdir()].count(".json") == 2
        assert isinstance(answer(observed(site, folder), "UK256"), NotApplicable)

    def test_the_fixtures_of_the_application_are_no_dumps_to_be_judged(self, site: Path) -> None:
        (site / "fixtures" / "defaults").mkdir(parents=True)
        (site / "fixtures" / "defaults" / "units.json").write_text('[{"pk": 1, "model": "units.unit"}]')
        assert isinstance(answer(observed(site, site), "UK256"), NotApplicable)

    def test_a_large_dump_is_looked_at_from_both_ends(self, site: Path) -> None:
        folder = site.parent / "dumps"
        folder.mkdir()
        dump = folder / "backup.json"
        text = (CASES / "UK256-passed-as-dumpdata-writes-it" / "backup-0.2.8-2018-10-09.json").read_bytes()
        dump.write_bytes(text[:-1] + b" " * (65 << 20) + b"]\n")
        result = answer(observed(site, folder), "UK256")
        assert isinstance(result, Passed)
        assert "its beginning and its end" in result.seen
        assert isinstance(answer(observed(site, folder), "UK257"), NotApplicable)

        dump.write_bytes(text[:-1] + b" " * (65 << 20))
        result = answer(observed(site, folder), "UK256")
        assert isinstance(result, Found)
        assert "does not end with ]" in result.findings[0].message

    def test_no_more_than_a_dozen_are_looked_into(self, site: Path) -> None:
        folder = site.parent / "dumps"
        folder.mkdir()
        for number in range(20):
            (folder / f"backup-{number:02}.json").touch()
        result = answer(observed(site, folder), "UK256")
        assert isinstance(result, Found)
        (finding,) = result.findings
        assert finding.where.count(".json") == 12

    def test_links_and_pipes_are_passed_over(self, site: Path) -> None:
        folder = site.parent / "dumps"
        folder.mkdir()
        if os.name == "posix":
            os.mkfifo(folder / "backup-pipe.json")
            (folder / "backup-link.json").symlink_to("/dev/zero")
            (folder / "backups").symlink_to(folder, target_is_directory=True)
        assert isinstance(answer(observed(site, folder), "UK256"), NotApplicable)

    @POSIX
    def test_a_folder_that_cannot_be_listed_is_no_pass(self, open_folder: Path) -> None:
        build_sample_site(open_folder / "site", VersionGraph.load().resolve("0.2.9.1"))
        closed = open_folder / "closed"
        closed.mkdir(mode=0o700)
        closed.chmod(0o000)
        seen = as_ordinary_user(lambda: observed(open_folder / "site", closed))
        result = answer(seen, "UK256")
        assert isinstance(result, CouldNotRun)
        assert "closed" in result.reason

    def test_without_a_database_dumps_are_read_all_the_same(self, tmp_path: Path) -> None:
        seen = survey(
            None,
            database=f"sqlite:///{tmp_path / 'gone.db'}",
            interpreters=False,
            backup_folders=[CASES / "UK256-warning-empty"],
        )
        assert isinstance(answer(seen, "UK256"), Found)

    def test_without_a_database_there_is_nothing_to_compare_them_with(self, tmp_path: Path) -> None:
        seen = survey(
            None,
            database=f"sqlite:///{tmp_path / 'gone.db'}",
            interpreters=False,
            backup_folders=[CASES / "UK258-passed-as-it-stands"],
        )
        assert isinstance(answer(seen, "UK258"), CouldNotRun)


@pytest.mark.real
class TestRealDumps:
    @pytest.mark.parametrize(
        ("name", "problem", "needs"),
        [
            ("0.2.8-plain", False, [Severity.INFO]),
            ("0.2.9.1-natural", False, [Severity.INFO]),
            ("0.2.9.1-natural-excl", False, []),
            ("0.3.0-plain", False, [Severity.INFO]),
            ("0.3.0-natural", True, []),
        ],
    )
    def test_what_the_application_dumped_is_told_for_what_it_is(
        self, name: str, problem: bool, needs: list[Severity], real: Path, tmp_path: Path
    ) -> None:
        shutil.copyfile(real / "dumps" / f"{name}.json", tmp_path / f"{name}.json")
        database = tmp_path / "copy.sqlite3"
        shutil.copyfile(real / f"{name.partition('-')[0]}.sqlite3", database)
        seen = survey(None, database=f"sqlite:///{database}", interpreters=False, backup_folders=[tmp_path])
        assert isinstance(answer(seen, "UK256"), Found) == problem
        lacks = answer(seen, "UK257")
        assert [found.severity for found in (lacks.findings if isinstance(lacks, Found) else ())] == needs
        if not problem:
            assert isinstance(answer(seen, "UK258"), Passed)


class TestPlace:
    @pytest.mark.parametrize("case", PLACES, ids=lambda case: case.name)
    def test_each_case_gets_its_answer(self, case: Path, site: Path) -> None:
        id_, expected, _ = parts(case)
        result = answer(observed(site, to=case), id_)
        told(result, expected)
        assert not isinstance(result, NotApplicable)

    def test_a_folder_that_is_still_to_be_made_passes_and_is_not_made(self, site: Path) -> None:
        folder = site.parent / "not" / "yet"
        seen = observed(site, to=folder)
        assert isinstance(answer(seen, "UK251"), Passed)
        assert isinstance(answer(seen, "UK252"), Passed)
        assert not folder.parent.exists()

    @pytest.mark.parametrize("below", [".", "backups/tonight"])
    def test_a_file_in_its_place_is_an_error(self, below: str, site: Path) -> None:
        result = answer(observed(site, to=CASES / "UK251-error-a-file-in-its-place" / below), "UK251")
        assert isinstance(result, Found)
        assert result.findings[0].severity is Severity.ERROR
        assert "is no folder" in result.findings[0].message
        assert result.findings[0].hint.endswith(f"upgrade-kit backup {site} --to-dir DIR")

    @POSIX
    @pytest.mark.parametrize("below", [".", "backups"])
    def test_a_folder_that_may_not_be_written_to_is_an_error(self, below: str, open_folder: Path) -> None:
        build_sample_site(open_folder / "site", VersionGraph.load().resolve("0.2.9.1"))
        (open_folder / "closed").mkdir(mode=0o755)
        place = open_folder / "closed" / below
        seen = as_ordinary_user(lambda: observed(open_folder / "site", to=place))
        result = answer(seen, "UK251")
        assert isinstance(result, Found)
        assert "this user may not" in result.findings[0].message

    def test_room_is_measured_against_database_and_uploads(self, site: Path) -> None:
        """A sparse file takes no room itself, and is as large as it says."""
        free = shutil.disk_usage(site).free
        large = site / "qatrack" / "media" / "uploads" / "1" / "large.dcm"
        with large.open("wb") as file:
            try:
                file.truncate(free + GIB)
            except OSError:
                pytest.skip("this file system has no such large files")
        result = answer(observed(site, to=site.parent / "backups"), "UK252")
        assert isinstance(result, Found)
        assert result.findings[0].severity is Severity.ERROR
        assert isinstance(answer(observed(site, to=site.parent / "backups"), "UK504"), Found)
        large.unlink()
        assert isinstance(answer(observed(site, to=site.parent / "backups"), "UK252"), Passed)

    def test_a_backup_that_is_there_needs_no_room_and_is_asked_where_it_lies(self, site: Path) -> None:
        folder = backed_up(site)
        seen = observed(site, folder, to=CASES / "UK251-error-a-file-in-its-place")
        assert isinstance(answer(seen, "UK251"), NotApplicable)
        assert isinstance(answer(seen, "UK252"), NotApplicable)
        result = answer(seen, "UK253")
        assert isinstance(result, Found)
        assert result.findings[0].where == str(folder)

    def test_nobody_who_named_no_place_is_asked_for_one(self, site: Path) -> None:
        assert isinstance(answer(observed(site), "UK251"), NotApplicable)

    def test_without_a_database_it_is_no_pass(self, site: Path) -> None:
        (site / "db" / "default.db").unlink()
        for id_ in ("UK251", "UK252", "UK253"):
            assert isinstance(answer(observed(site, to=site), id_), CouldNotRun)


class TestUploadsInTheBackup:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            pytest.param("added", "2 files, ", id="a file was added"),
            pytest.param("removed", "0 files, 0 bytes now", id="a file was removed"),
            pytest.param("longer", "have changed", id="a file has another size"),
            pytest.param("touched", "was written to after", id="a file has other bytes"),
        ],
    )
    def test_what_changed_since_is_a_warning(self, change: str, words: str, site: Path) -> None:
        file = site / "qatrack" / "media" / "uploads" / "1" / "profile.txt"
        folder = backed_up(site)
        match change:
            case "added":
                (file.parent / "second.txt").write_bytes(b"2")
            case "removed":
                file.unlink()
            case "longer":
                file.write_bytes(file.read_bytes() + b"more")
            case _:
                os.utime(file, (4_000_000_000, 4_000_000_000))
        result = answer(observed(site, folder, to=folder), "UK254")
        assert isinstance(result, Found)
        assert [finding.severity for finding in result.findings] == [Severity.WARNING]
        assert words in result.findings[0].message

    def test_a_site_without_uploads_needs_none_in_its_backup(self, site: Path) -> None:
        (site / "qatrack" / "media" / "uploads" / "1" / "profile.txt").unlink()
        folder = backed_up(site, uploads=False)
        assert isinstance(answer(observed(site, folder, to=folder), "UK254"), Passed)

    @pytest.mark.parametrize("change", ["gone", "cut off"])
    def test_an_archive_that_is_not_what_the_manifest_says_is_an_error(self, change: str, site: Path) -> None:
        folder = backed_up(site)
        (archive,) = folder.glob("*.zip")
        if change == "gone":
            archive.unlink()
        else:
            archive.write_bytes(archive.read_bytes()[:-1])
        result = answer(observed(site, folder, to=folder), "UK254")
        assert isinstance(result, Found)
        assert result.findings[0].severity is Severity.ERROR

    def test_without_a_backup_another_check_has_it(self, site: Path) -> None:
        assert isinstance(answer(observed(site, to=site), "UK254"), NotApplicable)
