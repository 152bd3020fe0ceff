from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from packaging.version import Version

from tests.end_to_end.repositories import done, environment
from upgrade_kit.deployment.asking import Answer
from upgrade_kit.deployment.git import GitAsker, distrusts, in_portions, parse_version, refusal
from upgrade_kit.model.unobserved import Unobserved

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
# As users of Git for Windows reported it: 2.38.1 (gitextensions/gitextensions, issue 10385), a later one
# (AUTOMATIC1111/stable-diffusion-webui, issue 16364), and the first that refused; folders and users are others.
WINDOWS_REFUSALS = (
    (
        "fatal: detected dubious ownership in repository at 'C:/deploy/site'\r\n'C:/deploy/site' is owned by:\r\n"
        "\t'S-1-5-32-544'\r\nbut the current user is:\r\n\t'S-1-5-21-1-2-3-1001'\r\n"
    ),
    (
        "fatal: detected dubious ownership in repository at 'C:/deploy/site'\n'C:/deploy/site' is owned by:\n"
        "\tBUILTIN/Administrators (S-1-5-32-544)\nbut the current user is:\n\tSERVER/physics (S-1-5-21-1-2-3-1001)\n"
    ),
    "fatal: unsafe repository ('C:/deploy/site' is owned by someone else)\n",
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    done(folder, "init", "-q")
    return folder


def asker(folder: Path, **more: str) -> GitAsker:
    git = GitAsker.of(folder, {**environment(folder.parent), **more})
    assert isinstance(git, GitAsker)
    return git


@pytest.mark.parametrize(
    ("said", "version"),
    [
        pytest.param("git version 2.39.5\n", "2.39.5", id="Debian"),
        pytest.param("git version 2.20.1.windows.1\r\n", "2.20.1", id="Git for Windows"),
        pytest.param("git version 2.39.5 (Apple Git-154)\n", "2.39.5", id="Apple"),
        pytest.param("git version 1.8.3.1\n", "1.8.3.1", id="CentOS 7"),
        pytest.param("git version 2.46.0.rc1.windows.1\r\n", "2.46.0", id="a candidate"),
        pytest.param("warning: something\ngit version 2.16\n", "2.16", id="a warning before it"),
    ],
)
def test_the_version_is_read(said: str, version: str) -> None:
    assert parse_version(said) == Version(version)


@pytest.mark.parametrize("said", ["", "git version unknown\n", "hg version 5.0", "usage: git"])
def test_what_is_no_version_is_a_reason(said: str) -> None:
    assert isinstance(parse_version(said), Unobserved)


@pytest.mark.parametrize("errors", WINDOWS_REFUSALS)
def test_a_refusal_for_the_owner_says_what_to_type(errors: str) -> None:
    answer = Answer(status=128, text="", errors=errors)
    assert distrusts(answer)
    assert refusal(answer, Path("/srv/my site")).endswith("git config --global --add safe.directory '/srv/my site'")


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        pytest.param(
            "warning: x\nfatal: not a git repository: C:/x\r\n", "fatal: not a git repository: C:/x", id="git"
        ),
        pytest.param("", "it said nothing", id="nothing"),
    ],
)
def test_another_refusal_is_told_in_gits_own_words(errors: str, reason: str) -> None:
    answer = Answer(status=128, text="", errors=errors)
    assert not distrusts(answer)
    assert refusal(answer, Path("site")) == f"git stopped with status 128: {reason}"


def test_a_warning_of_the_owner_of_gits_own_settings_is_no_refusal() -> None:
    warning = "warning: 'C:\\ProgramData/Git/config' has a dubious owner: 'Administrator'.\r\n"  # 2.23.0.windows.1
    assert not distrusts(Answer(status=0, text="true\n", errors=warning))


def test_what_did_not_answer_is_no_refusal_for_the_owner() -> None:
    assert not distrusts(Unobserved("git did not answer within 20 s and was ended"))


def test_a_path_without_git_is_a_reason(tmp_path: Path) -> None:
    assert GitAsker.of(tmp_path, {"PATH": str(tmp_path)}) == Unobserved("git is not installed here")


@needs_git
def test_warnings_do_not_get_into_what_is_parsed(repository: Path) -> None:
    answer = asker(repository, GIT_TRACE="1").text("rev-parse", "--is-inside-work-tree")
    assert answer == "true\n"


@needs_git
def test_a_repository_further_up_is_not_asked(repository: Path) -> None:
    (repository / "inner").mkdir()
    answer = asker(repository / "inner").text("rev-parse", "--git-dir")
    assert isinstance(answer, Unobserved)
    assert "not a git repository" in answer.reason


@needs_git
def test_settings_in_the_environment_do_not_lead_elsewhere(repository: Path, tmp_path: Path) -> None:
    git = asker(repository, GIT_DIR=str(tmp_path / "nowhere"), GIT_INDEX_FILE=str(tmp_path / "index"))
    assert git.text("rev-parse", "--git-dir") == ".git\n"


@needs_git
@pytest.mark.skipif(os.name == "nt", reason="a file system with other rules")
def test_names_come_back_as_they_are(repository: Path) -> None:
    for name in ("a b", "ü", "two\nlines", 'quo"te'):
        (repository / name).write_text("", encoding="utf-8")
    found = asker(repository).fields("ls-files", "-o", "-z")
    assert not isinstance(found, Unobserved)
    assert set(found) == {"a b", "ü", "two\nlines", 'quo"te'}


@needs_git
def test_no_network_is_asked(repository: Path) -> None:
    answer = asker(repository).text("ls-remote", "https://github.invalid/x.git")
    assert isinstance(answer, Unobserved)
    assert "not allowed" in answer.reason


def test_paths_come_in_portions_in_order() -> None:
    paths = [f"{number:04}" for number in range(100)]
    portions = list(in_portions(paths, letters=50))
    assert len(portions) > 1
    assert [path for portion in portions for path in portion] == paths
    assert all(len(" ".join(portion)) <= 60 for portion in portions)


def test_no_paths_are_no_portion() -> None:
    assert list(in_portions([])) == []
