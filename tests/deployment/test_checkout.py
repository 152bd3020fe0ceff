from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.deployment.checkout import (
    SiteFolder,
    declared_version,
    describe,
    find_site,
    read_checkout,
    release_of,
)
from upgrade_kit.errors import SiteError
from upgrade_kit.model.deployment import (
    Checkout,
)
from upgrade_kit.model.path import Release
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
posix = pytest.mark.skipif(sys.platform == "win32", reason="a file system with other rules")


@pytest.fixture(scope="module")
def releases() -> tuple[Release, ...]:
    return VersionGraph.load().releases


@pytest.fixture
def site(tmp_path: Path, fixtures: Path) -> Path:
    """A copy of the 0.2.9.1 sample."""
    return Path(shutil.copytree(fixtures / "sites" / "0.2.9.1-sqlserver", tmp_path / "site"))


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def state(site: Path, version: str) -> None:
    path = site / "qatrack" / "settings.py"
    path.write_bytes(path.read_bytes().replace(b'"0.2.9.1"', f'"{version}"'.encode()))


def git(site: Path, *words: str) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main", "-c", "tag.gpgSign=false"]
    program = shutil.which("git") or "git"
    subprocess.run([program, "-C", site, *name, *words], check=True, capture_output=True)


def commit(site: Path, *tags: str) -> None:
    if not (site / ".git").exists():
        git(site, "init")
    git(site, "add", ".")
    git(site, "commit", "--allow-empty", "-m", "x")
    for tag in tags:
        git(site, "tag", tag)


def observed(site: Path, releases: tuple[Release, ...]) -> Checkout:
    checkout = read_checkout(site, releases)
    assert isinstance(checkout, Checkout)
    return checkout


# Where the site is


@pytest.mark.parametrize(
    ("part", "note"),
    [
        pytest.param(".", "", id="the folder that holds manage.py"),
        pytest.param("qatrack", "one folder up", id="the qatrack folder in it"),
        pytest.param("..", "inside the folder that was given", id="its parent"),
    ],
)
def test_the_site_is_found_from(site: Path, part: str, note: str) -> None:
    found = find_site(site / part)
    assert isinstance(found, SiteFolder)
    assert found.root == site.resolve()
    assert (note in found.note) if note else found.note == ""


@posix
def test_backslashes_are_taken_for_slashes(site: Path) -> None:
    found = find_site(str(site / "qatrack").replace("/", "\\"))
    assert isinstance(found, SiteFolder)
    assert found.root == site.resolve()


def test_quotes_that_the_shell_left_are_taken_off(site: Path) -> None:
    assert isinstance(find_site(f'{site}"'), SiteFolder)


@posix
@pytest.mark.parametrize("name", ['the "old"', "it's'", " blanks "])
def test_a_folder_whose_own_name_begins_or_ends_so_is_taken_by_its_name(site: Path, name: str) -> None:
    found = find_site(site.rename(site.with_name(name)))
    assert isinstance(found, SiteFolder)
    assert found.root.name == name


def test_two_sites_in_one_folder_are_not_chosen_from(site: Path) -> None:
    shutil.copytree(site, site.parent / "other")
    found = find_site(site.parent)
    assert isinstance(found, Unobserved)
    assert "2 checkouts (other, site)" in found.reason


def test_a_folder_that_is_no_site_is_a_reason(fixtures: Path, releases: tuple[Release, ...]) -> None:
    found = read_checkout(fixtures / "sites" / "not-a-site", releases)
    assert isinstance(found, Unobserved)
    assert "is no QATrack+ checkout" in found.reason


def test_another_django_project_is_a_reason(tmp_path: Path) -> None:
    write(tmp_path / "manage.py")
    found = find_site(tmp_path)
    assert isinstance(found, Unobserved)
    assert "no qatrack/settings.py" in found.reason


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("gone", "there is no folder", id="no such folder"),
        pytest.param("site/manage.py", "is a file, not a folder", id="a file"),
        pytest.param("a\0b", "is no folder name", id="a NUL"),
        pytest.param("x" * 5000, "File name too long" if os.name == "posix" else ".", id="a name that is too long"),
    ],
)
@pytest.mark.usefixtures("site")
def test_no_folder_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(SiteError, match=message) as caught:
        find_site(str(tmp_path / name))
    assert "--database" in caught.value.hint


@pytest.mark.parametrize("name", [pytest.param("", id="empty"), pytest.param('""', id="quotes alone")])
def test_an_empty_name_is_an_error(name: str) -> None:
    with pytest.raises(SiteError):
        find_site(name)


@posix
def test_a_folder_that_may_not_be_looked_into_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    if os.access(tmp_path / "closed", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(SiteError, match="cannot be looked"):
        find_site(tmp_path / "closed")


# The version


@pytest.mark.parametrize(
    ("name", "version"),
    [
        pytest.param("0.2.8-sqlite", "0.2.8", id="0.2.8"),
        pytest.param("0.2.9.1-sqlserver", "0.2.9.1", id="0.2.9.1"),
        pytest.param("0.3.0-sqlite", "0.3.0", id="0.3.0"),
    ],
)
def test_a_plain_folder_tells_its_version(
    fixtures: Path, releases: tuple[Release, ...], name: str, version: str
) -> None:
    checkout = observed(fixtures / "sites" / name, releases)
    assert checkout.version == Version(version)
    assert checkout.declared == version
    assert checkout.described == Unobserved("the folder is not a git checkout of its own (no .git)")
    assert f"the migrations on disk are those of {version}" in checkout.evidence


def test_what_only_one_version_has_is_evidence(fixtures: Path, releases: tuple[Release, ...]) -> None:
    old = observed(fixtures / "sites" / "0.2.8-sqlite", releases).evidence
    new = observed(fixtures / "sites" / "0.3.0-sqlite", releases).evidence
    assert "qatrack/data_tables is there, which ended with 0.2.8" in old
    assert "qatrack/qa/south_migrations is there, which began with 0.3.0" in new
    assert not any("there, which" in line for line in observed(fixtures / "sites" / "crlf", releases).evidence)


def test_the_line_of_one_release_on_the_migrations_of_another_is_a_contradiction(
    site: Path, releases: tuple[Release, ...]
) -> None:
    state(site, "0.2.8")
    version = observed(site, releases).version
    assert isinstance(version, Unobserved)
    assert "say 0.2.8, but the migrations on disk are those of 0.2.9.1" in version.reason


def test_without_the_line_the_migrations_tell_the_release(site: Path, releases: tuple[Release, ...]) -> None:
    write(site / "qatrack" / "settings.py", "DEBUG = True\n")
    checkout = observed(site, releases)
    assert checkout.version == Version("0.2.9.1")
    assert checkout.declared == Unobserved("qatrack/settings.py has no line VERSION = ...")


def test_without_line_and_migrations_nothing_tells(tmp_path: Path, releases: tuple[Release, ...]) -> None:
    write(tmp_path / "manage.py")
    write(tmp_path / "qatrack" / "settings.py")
    version = observed(tmp_path, releases).version
    assert isinstance(version, Unobserved)


def test_compiled_files_of_an_older_checkout_do_not_count(site: Path, releases: tuple[Release, ...]) -> None:
    write(site / "qatrack" / "qa" / "migrations" / "0099_gone.pyc")
    assert observed(site, releases).version == Version("0.2.9.1")


def test_a_migration_of_a_point_release_makes_the_version_precise(
    tmp_path: Path, fixtures: Path, releases: tuple[Release, ...]
) -> None:
    site = Path(shutil.copytree(fixtures / "sites" / "0.3.0-sqlite", tmp_path / "site"))
    write(site / "qatrack" / "qa" / "migrations" / "0021_check_py3_calcs.py")
    assert observed(site, releases).version == Version("0.3.0.1")


def test_a_later_version_than_the_rules_know_is_named_all_the_same(
    tmp_path: Path, fixtures: Path, releases: tuple[Release, ...]
) -> None:
    site = Path(shutil.copytree(fixtures / "sites" / "0.3.0-sqlite", tmp_path / "site"))
    write(site / "qatrack" / "qa" / "migrations" / "0050_later.py")
    path = site / "qatrack" / "settings.py"
    path.write_bytes(path.read_bytes().replace(b'"0.3.0"', b'"3.1.1"'))
    checkout = observed(site, releases)
    assert checkout.version == Version("3.1.1")
    assert "the migrations on disk hold all of 0.3.0 and 1 that no rule knows" in checkout.evidence


@pytest.mark.parametrize(
    ("line", "version"),
    [
        pytest.param(b'VERSION = "0.2.8"\r\n', "0.2.8", id="CRLF"),
        pytest.param(b"\xef\xbb\xbfVERSION = '0.2.8'\n", "0.2.8", id="a byte order mark"),
        pytest.param(b"VERSION = u'0.2.8'  # x\n", "0.2.8", id="a comment behind"),
        pytest.param(b'VERSION = "1"\nVERSION = "2"\n', "2", id="the last one counts"),
    ],
)
def test_the_version_line_is_read(tmp_path: Path, line: bytes, version: str) -> None:
    (tmp_path / "qatrack").mkdir()
    (tmp_path / "qatrack" / "settings.py").write_bytes(line)
    declared = declared_version(tmp_path)
    assert not isinstance(declared, Unobserved)
    assert declared[0] == Version(version)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"# VERSION = '0.2.8'\n", id="a comment"),
        pytest.param(b"  VERSION = '0.2.8'\n", id="an indented line"),
        pytest.param(b"VERSION = 'next'\n", id="no number"),
        pytest.param(b"VERSION = number()\n", id="computed"),
    ],
)
def test_what_is_no_version_line_is_a_reason(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "qatrack").mkdir()
    (tmp_path / "qatrack" / "settings.py").write_bytes(line)
    assert isinstance(declared_version(tmp_path), Unobserved)


def test_a_version_counts_as_its_release(releases: tuple[Release, ...]) -> None:
    node = release_of(Version("0.3.0.20"), releases)
    assert node is not None
    assert node.version == Version("0.3.0")


def test_an_unknown_version_counts_as_none(releases: tuple[Release, ...]) -> None:
    assert release_of(Version("3.1.1"), releases) is None


# git


@needs_git
def test_a_tag_ahead_of_the_line_is_the_version(site: Path, releases: tuple[Release, ...]) -> None:
    commit(site, "v0.2.9.2")
    checkout = observed(site, releases)
    assert (checkout.version, checkout.described) == (Version("0.2.9.2"), "v0.2.9.2")


@needs_git
def test_a_commit_after_a_tag_keeps_the_line(site: Path, releases: tuple[Release, ...]) -> None:
    commit(site, "v0.2.9.2")
    commit(site)
    checkout = observed(site, releases)
    assert checkout.version == Version("0.2.9.1")
    assert str(checkout.described).startswith("v0.2.9.2-1-g")


@needs_git
def test_where_line_and_tag_disagree_the_migrations_decide(site: Path, releases: tuple[Release, ...]) -> None:
    commit(site, "v0.2.8")
    checkout = observed(site, releases)
    assert checkout.version == Version("0.2.9.1")
    assert "line and tag disagree; the migrations on disk speak for 0.2.9.1" in checkout.evidence


@needs_git
def test_the_sites_own_tags_are_not_versions(site: Path) -> None:
    commit(site, "v0.2.9.1")
    commit(site, "deployed-monday")
    assert str(describe(site)).startswith("v0.2.9.1-1-g")


@needs_git
def test_a_clone_without_tags_is_a_reason(site: Path) -> None:
    commit(site)
    described = describe(site)
    assert isinstance(described, Unobserved)
    assert "no version tag" in described.reason


@needs_git
def test_a_site_inside_another_repository_is_not_described_by_it(site: Path) -> None:
    commit(site.parent, "v0.3.0")
    assert isinstance(describe(site), Unobserved)


@needs_git
def test_settings_of_git_in_the_environment_do_not_lead_astray(site: Path, tmp_path: Path) -> None:
    commit(site, "v0.2.9.1")
    environment = {**os.environ, "GIT_DIR": str(tmp_path / "nowhere")}
    assert describe(site, environment) == "v0.2.9.1"


@needs_git
def test_a_damaged_repository_is_a_reason(site: Path) -> None:
    (site / ".git").mkdir()
    described = describe(site)
    assert isinstance(described, Unobserved)
    assert "git stopped with status 128" in described.reason


def test_a_machine_without_git_is_a_reason(site: Path, tmp_path: Path) -> None:
    (site / ".git").mkdir()
    assert describe(site, {"PATH": str(tmp_path)}) == Unobserved("git is not installed here")


@needs_git
@posix
def test_a_checkout_of_another_user_is_read_all_the_same(site: Path) -> None:
    commit(site, "v0.2.9.1")
    environment = {**os.environ, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    assert describe(site, environment) == "v0.2.9.1"


@needs_git
def test_asking_git_writes_nothing(site: Path) -> None:
    commit(site, "v0.2.9.1")
    os.utime(site / "manage.py")  # a stale index is what git likes to refresh
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    describe(site)
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before


@needs_git
def test_a_program_named_in_the_sites_git_settings_is_not_run(site: Path, tmp_path: Path) -> None:
    commit(site, "v0.2.9.1")
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand"):
        git(site, "config", key, f"touch {(tmp_path / 'planted').as_posix()}")
    assert describe(site) == "v0.2.9.1"
    assert not (tmp_path / "planted").exists()
