from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.deployment.requirements import gather_requirements, parse_requirements, read_requirements
from upgrade_kit.model.path import Release
from upgrade_kit.model.requirement import ReleaseRequirements, Requirements
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph


def parsed(line: str) -> tuple[tuple[str, ...], str, str, bool]:
    (one,) = parse_requirements(line, "base.txt").lines
    return one.names, one.specifier, one.marker, one.is_from_git


class TestLines:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            pytest.param("Django==1.11.15", (("django",), "==1.11.15", "", False), id="a pin"),
            pytest.param("Sample_One.Two", (("sample-one-two",), "", "", False), id="a name alone, normalised"),
            pytest.param("a>=1,<2  # why", (("a",), "<2,>=1", "", False), id="a comment behind it"),
            pytest.param("a[x,y]==1", (("a",), "==1", "", False), id="extras"),
            pytest.param(
                "a==1; python_version < '3.6'", (("a",), "==1", 'python_version < "3.6"', False), id="a marker"
            ),
            pytest.param("a==1 --hash=sha256:00 --hash=sha256:11", (("a",), "==1", "", False), id="hashes"),
            pytest.param(
                "-e git+https://h/o/repo.git@1#egg=repo_master",
                (("repo-master", "repo"), "", "", True),
                id="a repository under two names",
            ),
            pytest.param("git+https://h/o/repo.git", (("repo",), "", "", True), id="a repository without egg"),
            pytest.param("--editable=git+ssh://git@h/o/repo#egg=repo", (("repo",), "", "", True), id="the long option"),
            pytest.param("-e hg+https://h/o/repo#egg=x&subdirectory=y", (("x", "repo"), "", "", False), id="mercurial"),
            pytest.param("a @ git+https://h/o/repo.git@1", (("a",), "", "", True), id="a repository as PEP 508 has it"),
        ],
    )
    def test_a_line_says_what_it_requires(self, line: str, expected: object) -> None:
        assert parsed(line) == expected

    @pytest.mark.parametrize(
        "text",
        ["", "\n\r\n", "# only a comment", "   # one that is indented", "\ufeff", "-i https://h/simple", "--no-index",
         "-c limits.txt", "-e .", "./local", "--find-links x"],
    )  # fmt: skip
    def test_what_requires_nothing_is_passed_over(self, text: str) -> None:
        file = parse_requirements(text, "base.txt")
        assert (file.lines, file.odd, file.includes) == ((), (), ())

    @pytest.mark.parametrize("text", ["Django 1.11", "==1", "<<<<<<< HEAD", "a==1; python=='3'", "a\0b", "https://h/"])
    def test_a_line_that_cannot_be_understood_is_told(self, text: str) -> None:
        file = parse_requirements(f"a==1\n{text}\nb==2\n", "requirements/base.txt")
        assert [line.names for line in file.lines] == [("a",), ("b",)]
        ((where, said, reason),) = file.odd
        assert (where, said) == ("requirements/base.txt:2", text)
        assert reason

    @pytest.mark.parametrize(
        ("line", "includes"),
        [
            ("-r base.txt", ("requirements/base.txt",)),
            ("-rbase.txt", ("requirements/base.txt",)),
            ("--requirement=..\\base.txt", ("base.txt",)),
            ("--requirement  sub/base.txt # all", ("requirements/sub/base.txt",)),
        ],
    )
    def test_what_is_taken_in_is_relative_to_the_file(self, line: str, includes: tuple[str, ...]) -> None:
        assert parse_requirements(line, "requirements/win.txt").includes == includes

    def test_lines_that_go_on_count_as_the_first(self) -> None:
        text = "\ufeff# x\r\na==1 \\\r\n  --hash=sha256:00\r\nb \\\n"
        lines = parse_requirements(text, "base.txt").lines
        assert [(line.names[0], line.where) for line in lines] == [("a", "base.txt:2"), ("b", "base.txt:4")]

    def test_a_password_is_not_kept(self) -> None:
        file = parse_requirements("-e git+https://u:secret@h/x.git#egg=x\nhttps://u:secret@h/\n", "base.txt")
        assert "secret" not in repr(file)


class TestFiles:
    def test_files_that_take_in_each_other_are_read_once(self) -> None:
        texts = {"a.txt": "-r b.txt\nx", "b.txt": "-r a.txt\n-r gone.txt\ny"}
        known = gather_requirements("v1", ["a.txt"], lambda name: texts.get(name, Unobserved("it is not there")))
        assert [file.name for file in known.files] == ["a.txt", "b.txt"]
        assert known.missing == (("gone.txt", "it is not there"),)
        assert [file.name for file in known.reached_from(("b.txt",))] == ["b.txt", "a.txt"]
        assert known.reached_from(("other.txt",)) == ()

    def test_a_chain_without_end_is_ended(self) -> None:
        known = gather_requirements("v1", ["0.txt"], lambda name: f"-r {int(name.removesuffix('.txt')) + 1}.txt")
        assert len(known.files) == 50


@pytest.fixture
def releases() -> tuple[Release, ...]:
    return VersionGraph.load().releases


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git = shutil.which("git") or pytest.skip("git is not installed here")

    def run(*words: str) -> None:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run([git, "-C", tmp_path, *words], check=True, env=environment)

    (tmp_path / "requirements").mkdir()
    run("init", "-q")
    for tag, text in (("v0.2.9.1", b"Django==1.6.11\r\n"), ("v0.3.0", b"Django==1.11.15\nd\xe9j\xe0\n")):
        (tmp_path / "requirements" / "base.txt").write_bytes(text)
        run("add", ".")
        run("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", tag)
        run("tag", tag)
    (tmp_path / "requirements" / "base.txt").write_text("changed==1\n", encoding="utf-8")
    return tmp_path


def of(root: Path, releases: Sequence[Release], version: str) -> ReleaseRequirements | Unobserved:
    known = read_requirements(root, releases)
    assert isinstance(known, Requirements)
    return known.at(Version(version))


class TestRepository:
    def test_files_are_read_at_the_tag_and_not_from_the_folder(
        self, repository: Path, releases: tuple[Release, ...]
    ) -> None:
        before = sorted(file.stat().st_mtime_ns for file in repository.rglob("*"))
        old, new = of(repository, releases, "0.2.9.1"), of(repository, releases, "0.3.0")
        assert isinstance(old, ReleaseRequirements)
        assert isinstance(new, ReleaseRequirements)
        assert [line.text for line in old.files[0].lines] == ["Django==1.6.11"]
        assert [line.text for line in new.files[0].lines] == ["Django==1.11.15"]
        assert [where for where, _, _ in new.files[0].odd] == ["requirements/base.txt:2"]
        assert ("requirements/win.txt", "it is not there at the tag v0.3.0") in new.missing
        assert before == sorted(file.stat().st_mtime_ns for file in repository.rglob("*"))

    def test_a_tag_that_is_not_there_says_what_to_type(self, repository: Path, releases: tuple[Release, ...]) -> None:
        unknown = of(repository, releases, "0.2.8")
        assert isinstance(unknown, Unobserved)
        assert unknown.asked
        assert unknown.reason.endswith("type: git fetch --tags origin")

    @pytest.mark.parametrize("tag", ["--output=x", "", "a b"])
    def test_a_tag_that_is_none_is_not_asked_for(
        self, repository: Path, releases: tuple[Release, ...], tag: str
    ) -> None:
        odd = [replace(release, tag=tag) for release in releases]
        assert isinstance(of(repository, odd, "0.3.0"), Unobserved)

    def test_a_damaged_repository_is_told(self, repository: Path, releases: tuple[Release, ...]) -> None:
        (repository / ".git" / "HEAD").write_text("nothing", encoding="utf-8")
        unknown = of(repository, releases, "0.3.0")
        assert isinstance(unknown, Unobserved)
        assert "git stopped with status 128" in unknown.reason

    def test_without_git_nothing_is_known(self, repository: Path, releases: tuple[Release, ...]) -> None:
        known = read_requirements(repository, releases, environment={"PATH": str(repository)})
        assert isinstance(known, Requirements)
        assert known.at(Version("0.3.0")) == Unobserved("git is not installed here")

    def test_a_release_without_rules_is_left_out(self, repository: Path, releases: tuple[Release, ...]) -> None:
        bare = [replace(release, installing=None) for release in releases]
        unknown = of(repository, bare, "0.3.0")
        assert isinstance(unknown, Unobserved)
        assert not unknown.asked

    def test_without_a_repository_none_can_be_read(self, tmp_path: Path, releases: tuple[Release, ...]) -> None:
        unknown = read_requirements(tmp_path, releases)
        assert isinstance(unknown, Unobserved)
        assert not unknown.asked
        assert "UK142" in unknown.reason
