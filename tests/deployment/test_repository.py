"""What is read of a repository; what the checks make of it is tried in end_to_end/test_preflight_git.py."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from packaging.version import Version

from tests.end_to_end.repositories import CASES, build_project, build_site, done, environment, state
from upgrade_kit.deployment.repository import read_git
from upgrade_kit.model.path import Release
from upgrade_kit.model.repository import Git, Head, Repository, Upstream
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
CLEAN = CASES / "UK142-passed-a-clone.toml"


@pytest.fixture(scope="module")
def releases() -> tuple[Release, ...]:
    return VersionGraph.load().releases


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, releases: tuple[Release, ...]) -> Path:
    folder = tmp_path_factory.mktemp("project") / "qatrackplus"
    build_project(folder, releases)
    return folder


@pytest.fixture
def site(tmp_path: Path, project: Path) -> Path:
    return build_site(CLEAN, tmp_path, project)


def looked_at(site: Path, releases: tuple[Release, ...], **more: str) -> Git:
    return read_git(site, releases, environment={**environment(site.parent), **more})


def repository(site: Path, releases: tuple[Release, ...]) -> Repository:
    found = looked_at(site, releases).repository
    assert isinstance(found, Repository)
    return found


def head(site: Path, releases: tuple[Release, ...]) -> Head:
    found = repository(site, releases).head
    assert isinstance(found, Head)
    return found


def test_a_clone_is_read(site: Path, releases: tuple[Release, ...]) -> None:
    git = looked_at(site, releases)
    assert isinstance(git.program, Version)
    assert (git.has_repository, git.refusal, git.distrusts) == (True, "", False)
    found = repository(site, releases)
    assert [tag for tag, _ in found.tags] == ["v0.2.8", "v0.2.9.1", "v0.3.0"]
    assert (found.changes, found.in_the_way, found.unfinished, found.lock) == ((), (), (), None)
    assert found.storage == site / ".git"
    assert isinstance(found.at_origin, Unobserved)
    assert not found.at_origin.asked


def test_reading_writes_nothing(site: Path, releases: tuple[Release, ...]) -> None:
    os.utime(site / "manage.py", (0, 0))
    (site / "qatrack" / "urls.py").write_text("ours\n", encoding="utf-8")
    before = state(site)
    looked_at(site, releases)
    assert state(site) == before


def test_a_commit_that_was_published_is_known_without_tags(site: Path, releases: tuple[Release, ...]) -> None:
    for tag in ("v0.2.8", "v0.2.9.1", "v0.3.0", "v3.1.0"):
        done(site, "tag", "-d", tag)
    commit = done(site, "rev-parse", "HEAD")
    assert head(site, releases).release is None
    from dataclasses import replace  # noqa: PLC0415

    known = tuple(replace(one, commits=(("v0.2.9.1", commit),)) if one.tag == "v0.2.9.1" else one for one in releases)
    assert head(site, known).release == next(one for one in known if one.tag == "v0.2.9.1")


def test_a_branch_knows_what_it_follows(site: Path, releases: tuple[Release, ...]) -> None:
    done(site, "checkout", "-q", "-B", "master")
    done(site, "branch", "-q", "--set-upstream-to", "origin/master")
    assert head(site, releases).upstream == Upstream(name="origin/master", ahead=0, behind=2, described="v3.1.0")


def test_a_branch_whose_upstream_is_gone_follows_none(site: Path, releases: tuple[Release, ...]) -> None:
    done(site, "checkout", "-q", "-B", "master")
    done(site, "branch", "-q", "--set-upstream-to", "origin/master")
    done(site, "update-ref", "-d", "refs/remotes/origin/master")
    assert head(site, releases).upstream is None


def test_an_origin_of_this_machine_is_asked_for_its_tags(
    site: Path, project: Path, releases: tuple[Release, ...]
) -> None:
    done(site, "remote", "set-url", "origin", project.as_uri())
    assert repository(site, releases).at_origin == ("v0.2.8", "v0.2.9.1", "v0.3.0")


def test_an_origin_that_was_moved_away_is_a_reason(site: Path, releases: tuple[Release, ...]) -> None:
    done(site, "remote", "set-url", "origin", "../gone")
    known = repository(site, releases).at_origin
    assert isinstance(known, Unobserved)
    assert "no such folder" in known.reason


def test_a_folder_without_git_is_not_asked(tmp_path: Path, releases: tuple[Release, ...]) -> None:
    git = looked_at(tmp_path, releases)
    assert not git.has_repository
    assert git.repository == Unobserved("the folder has no .git", asked=False)


def test_a_machine_without_git_has_no_program(site: Path, releases: tuple[Release, ...]) -> None:
    git = read_git(site, releases, environment={"PATH": str(site)})
    assert git.program is None
    assert git.repository == Unobserved("git is not installed here")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("echo git version 2.7.4", "git 2.7.4 is older than 2.16"),
        ("echo no version", "git version printed 'no version'"),
        ("exit 3", "git stopped with status 3"),
    ],
)
def test_an_old_or_broken_git_is_not_asked_more(
    site: Path, releases: tuple[Release, ...], tmp_path: Path, says: str, reason: str
) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\n{says}\n", encoding="utf-8")
    program.chmod(0o755)
    git = read_git(site, releases, environment={"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"})
    assert isinstance(git.repository, Unobserved)
    assert git.repository.reason.startswith(reason)
    assert (tmp_path / "asked").read_text(encoding="utf-8") == "asked\n"


@pytest.mark.skipif(os.name == "nt", reason="an owner is not asked for there")
def test_a_folder_of_another_user_is_read_and_told(site: Path, releases: tuple[Release, ...]) -> None:
    git = looked_at(site, releases, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert git.distrusts
    assert isinstance(git.repository, Repository)
