"""The checks of a site's uploaded files on sites as they are, one folder under fixtures/ for each case.

A folder's name holds the check, its answer, and what the case is. In it are the rows that are written to the sample
site's database (``rows.sql``), what its ``local_settings.py`` says besides, and in ``make.txt`` what is done in the
folder of uploads, one a line: ``file NAME`` makes one (``%F6`` is a byte), ``link NAME TARGET``, ``mode MODE NAME``,
``remove NAME``.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import process_time
from typing import Protocol
from urllib.parse import unquote_to_bytes

import pytest

from tests.end_to_end.cases import FOLDER, answer, of_family, parts, told
from tests.end_to_end.ordinary_user import as_ordinary_user
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.sample import build_sample_database, build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Severity
from upgrade_kit.model.uploads import SiteUploads, UploadedFiles
from upgrade_kit.planning.graph import VersionGraph

CASES = FOLDER / "uploads"
JUDGED = of_family("uploads")
UNREADABLE = sorted(case for case in CASES.iterdir() if case.name.startswith("unreadable"))
NEW_CHECKS = ("UK521", "UK522", "UK523", "UK524", "UK525", "UK526", "UK528")  # UK527 needs a server
GRAPH = VersionGraph.load()

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these names, links and rights are of other systems")


class Server(Protocol):
    def copy_of(self, file: Path) -> DatabaseAddress: ...


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may look into, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def built(case: Path | None, folder: Path) -> Path:
    """Make the sample site of 0.2.9.1 with what the case says, and return its folder."""
    site = folder / "a" / "site"
    database = build_sample_site(site, GRAPH.resolve("0.2.9.1"))
    uploads = site / "qatrack" / "media" / "uploads"
    shutil.rmtree(uploads / "1")
    (uploads / "tmp").mkdir()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE qa_unittestinfo SET test_id = (SELECT MIN(id) FROM qa_test WHERE type = 'upload')")
        if case is not None and (case / "rows.sql").exists():
            connection.executescript((case / "rows.sql").read_text(encoding="utf-8"))
    settings = site / "qatrack" / "settings.py"
    text = settings.read_text(encoding="utf-8")
    roots = 'UPLOAD_ROOT = os.path.join(MEDIA_ROOT, "uploads")\nTMP_UPLOAD_ROOT = os.path.join(UPLOAD_ROOT, "tmp")\n'
    settings.write_text(text.replace("\nfrom local_settings", f"{roots}\nfrom local_settings"), encoding="utf-8")
    if case is not None and (case / "local_settings.py").exists():
        with (site / "qatrack" / "local_settings.py").open("a", encoding="utf-8") as local:
            local.write((case / "local_settings.py").read_text(encoding="utf-8"))
    if case is not None and (case / "make.txt").exists():
        for line in (case / "make.txt").read_text(encoding="utf-8").splitlines():
            _do(uploads, *line.split(" ", 1))
    if os.geteuid() == 0:
        for path in (site, *site.rglob("*")):
            os.chown(path, 65534, 65534, follow_symlinks=False)
    return site


def _do(uploads: Path, verb: str, words: str) -> None:
    match verb:
        case "file":
            path = Path(os.path.normpath(uploads / os.fsdecode(unquote_to_bytes(words))))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"1 2.5\n")
        case "link":
            name, target = words.split(" ")
            (uploads / name).parent.mkdir(parents=True, exist_ok=True)
            (uploads / name).symlink_to(target)
        case "mode":
            mode, name = words.split(" ")
            (uploads / name).chmod(int(mode, 8))
        case "remove":
            shutil.rmtree(uploads / words)
        case _:
            raise AssertionError(verb)


def observed(site: Path, **more: str) -> Deployment:
    return survey(site, interpreters=False, releases=GRAPH.releases, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
def test_each_case_gets_its_answer(case: Path, folder: Path) -> None:
    id_, expected, _ = parts(case)
    site = built(case, folder)

    rights_matter = (case / "make.txt").exists() and "mode " in (case / "make.txt").read_text(encoding="utf-8")
    seen = as_ordinary_user(lambda: observed(site)) if rights_matter or id_ == "UK524" else observed(site)
    result = answer(seen, id_)

    findings = told(result, expected)
    assert not isinstance(result, NotApplicable)
    assert len(findings) == (expected != "passed")
    for finding in findings:
        assert finding.where
        finding.message.encode("utf-8")  # whatever the names are, it can be shown


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.name)
def test_what_cannot_be_read_is_no_pass(case: Path, folder: Path) -> None:
    seen = observed(built(case, folder))
    ids = NEW_CHECKS if (case / "local_settings.py").exists() else ("UK523", "UK527", "UK528")
    for id_ in ids:
        result = answer(seen, id_)
        assert isinstance(result, CouldNotRun), id_
        assert result.reason


@pytest.mark.parametrize("id_", [*NEW_CHECKS, "UK527"])
def test_a_database_alone_is_asked_nothing_of_files(id_: str, folder: Path) -> None:
    build_sample_database(folder / "x.sqlite3", GRAPH.resolve("0.2.9.1"))
    seen = survey(None, database=f"sqlite:///{folder / 'x.sqlite3'}", interpreters=False)
    assert isinstance(answer(seen, id_), NotApplicable)


def test_files_of_another_database_than_the_settings_name_are_no_error(folder: Path) -> None:
    """A copy of the database is looked at beside a checkout that has none of its files."""
    site = built(CASES / "UK523-error-none-of-two", folder)
    shutil.copyfile(site / "db" / "default.db", folder / "copy.sqlite3")
    result = answer(observed(site, database=f"sqlite:///{folder / 'copy.sqlite3'}"), "UK523")
    assert isinstance(result, Found)
    assert result.findings[0].severity is Severity.WARNING
    assert "not the database that the settings of this site name" in result.findings[0].message


def test_what_is_missing_is_named_with_its_test_instance(folder: Path) -> None:
    result = answer(observed(built(CASES / "UK523-warning-one-of-two", folder)), "UK523")
    assert isinstance(result, Found)
    assert result.findings[0].message.endswith(": 1/second.dcm (test instance 2)")


def test_count_and_size_are_shown(folder: Path) -> None:
    result = answer(observed(built(CASES / "UK523-passed-all-there", folder)), "UK521")
    assert result == Passed("2 files, 0.0 MiB")


def test_many_files_are_looked_through_in_seconds(folder: Path) -> None:
    site = built(None, folder)
    for number in range(200):
        inside = site / "qatrack" / "media" / "uploads" / str(number)
        inside.mkdir()
        for file in range(50):
            (inside / f"{file}.dcm").touch()
    began = process_time()
    uploads = observed(site).uploads
    assert process_time() - began < 10
    assert isinstance(uploads, SiteUploads)
    assert isinstance(uploads.files, UploadedFiles)
    assert uploads.files.count == 10_000


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("UK521-error-a-file-in-its-place", "uploads is there and is no folder, and the database names"),
        ("UK521-error-no-folder", "there is no folder "),
    ],
)
def test_a_file_in_place_of_the_folder_is_told_as_one(case: str, words: str, folder: Path) -> None:
    result = answer(observed(built(CASES / case, folder)), "UK521")
    assert isinstance(result, Found)
    assert words in result.findings[0].message


def test_a_file_in_place_of_a_folder_above_is_named(folder: Path) -> None:
    site = built(CASES / "UK521-error-no-folder", folder)
    media = site / "qatrack" / "media"
    shutil.rmtree(media)
    media.touch()
    result = answer(observed(site), "UK521")
    assert isinstance(result, Found)
    assert f"there is no folder {media / 'uploads'}, for {media} is none" in result.findings[0].message
    assert f"Move {media} out of the way" in result.findings[0].hint
