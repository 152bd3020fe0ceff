from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.repositories import done, environment
from upgrade_kit.deployment.git import GitAsker
from upgrade_kit.deployment.git_settings import GitSettings, local_folder, without_secrets
from upgrade_kit.model.repository import Remote
from upgrade_kit.model.unobserved import Unobserved

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://user:secret@github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://secret@github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://user:se@cret@host/a", "https://host/a"),
        ("https://user:sec/ret@host/a", "https://host/a"),
        ("https://host:8443/a?private_token=secret#secret", "https://host:8443/a"),
        ("ssh://git:secret@host:22/a/b", "ssh://host:22/a/b"),
        ("git@bitbucket.org:a/b.git", "bitbucket.org:a/b.git"),
        ("/srv/mirror", "/srv/mirror"),
        ("../old.git", "../old.git"),
        (r"C:\mirror\x.git", r"C:\mirror\x.git"),
        ("file:///srv/mirror", "file:///srv/mirror"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_could_be_a_secret(address: str, shown: str) -> None:
    assert without_secrets(address) == shown


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("/srv/mirror", Path("/srv/mirror")),
        ("../old.git", Path("../old.git")),
        ("C:/mirror", Path("C:/mirror")),
        ("file:///srv/my%20mirror", Path("/srv/my mirror")),
        ("file://server/share", None),
        (r"\\server\share", None),
        ("//server/share", None),
        ("https://github.com/a/b", None),
        ("host:path", None),
        ("git@host:path", None),
    ],
)
def test_a_folder_of_this_machine_is_told_from_elsewhere(address: str, folder: Path | None) -> None:
    assert local_folder(address) == folder


def settings(**values: str) -> GitSettings:
    return GitSettings({name.replace("__", "."): (value,) for name, value in values.items()})


@pytest.mark.parametrize(
    ("value", "is_on"), [("true", True), ("Yes", True), ("1", True), ("false", False), ("0", False)]
)
def test_a_switch_is_read(value: str, is_on: bool) -> None:
    assert settings(core__sparsecheckout=value).is_on("core.sparsecheckout") is is_on


def test_a_switch_that_is_not_there_is_off() -> None:
    assert not settings().is_on("core.sparsecheckout")


def test_the_last_value_counts() -> None:
    assert not GitSettings({"a.b": ("true", "false")}).is_on("a.b")


def test_remotes_come_by_name_and_rewritten() -> None:
    known = GitSettings(
        {
            "remote.origin.url": ("old:x.git",),
            "remote.my mirror.url": ("https://u:secret@host/x",),
            "url.https://host/.insteadof": ("old:",),
            "url.https://longer/.insteadof": ("old:x",),
            "remote.origin.fetch": ("+refs/heads/*:refs/remotes/origin/*",),
        }
    )
    assert known.remotes() == (
        Remote(name="my mirror", address="https://host/x"),
        Remote(name="origin", address="https://longer/.git"),
    )


@needs_git
def test_all_settings_of_a_repository_are_read(tmp_path: Path) -> None:
    done(tmp_path, "init", "-q")
    done(tmp_path, "config", "remote.origin.url", "two\nlines")
    done(tmp_path, "config", "filter.a.b.clean", "plant")
    git = GitAsker.of(tmp_path, environment(tmp_path))
    assert isinstance(git, GitAsker)
    read = GitSettings.of(git)
    assert isinstance(read, GitSettings)
    assert read.address_of("origin") == "two\nlines"
    harmless = read.without_filters(git)
    assert isinstance(harmless, GitAsker)
    assert "filter.a.b.clean=" in harmless.options
    assert harmless.text("config", "filter.a.b.required") == "false\n"


def test_a_filter_that_cannot_be_kept_from_running_is_a_reason(tmp_path: Path) -> None:
    git = GitAsker(program="git", root=tmp_path, environment={})
    assert isinstance(GitSettings({"filter.a=b.clean": ("plant",)}).without_filters(git), Unobserved)


def test_settings_that_cannot_be_read_are_a_reason(tmp_path: Path) -> None:
    git = GitAsker(program="no-such-git", root=tmp_path, environment={"PATH": ""})
    assert isinstance(GitSettings.of(git), Unobserved)
