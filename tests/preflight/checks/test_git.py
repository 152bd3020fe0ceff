"""The checks of git on facts; real repositories and real checkouts are in end_to_end/test_preflight_git.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.repository import Difference, Git, Head, InTheWay, LocalChange, Remote, Repository, Upstream
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.checks import git as checks

Ask = Callable[..., Result]
UNKNOWN = Unobserved("git did not answer within 20 s and was ended")
OLD, NEW = "100644 old", "100644 new"


@pytest.fixture
def git(site: Deployment) -> Git:
    assert isinstance(site.git, Git)
    return site.git


@pytest.fixture
def repository(git: Git) -> Repository:
    assert isinstance(git.repository, Repository)
    return git.repository


@pytest.fixture
def head(repository: Repository) -> Head:
    assert isinstance(repository.head, Head)
    return repository.head


@pytest.fixture
def told(ask: Ask, git: Git, repository: Repository) -> Ask:
    """Run a check on the good repository with parts of it replaced."""

    def run(check: Check[Any], path: UpgradePath | Unobserved | None = None, **parts: Any) -> Result:
        facts = {} if path is None else {"path": path}
        return ask(check, git=replace(git, repository=replace(repository, **parts)), **facts)

    return run


def only_finding(result: Result) -> Finding:
    assert isinstance(result, Found), result
    (finding,) = result.findings
    return finding


def change(path: str = "x.py", **parts: Any) -> LocalChange:
    stated: dict[str, Any] = {
        "head": OLD,
        "index": OLD,
        "changed": True,
        "targets": (("v0.2.9.1", OLD), ("v0.3.0", NEW)),
    }
    return LocalChange(path=path, **(stated | parts))


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.id)
def test_a_clone_of_the_project_at_its_release_passes(ask: Ask, check: Check[Any]) -> None:
    assert isinstance(ask(check), Passed)


@pytest.mark.parametrize("check", checks.CHECKS[1:], ids=lambda check: check.id)
def test_a_repository_that_cannot_be_read_is_no_pass(ask: Ask, git: Git, check: Check[Any]) -> None:
    assert ask(check, git=replace(git, repository=UNKNOWN)) == CouldNotRun(UNKNOWN.reason)


@pytest.mark.parametrize("part", ["head", "changes", "in_the_way"])
def test_a_part_that_could_not_be_read_is_no_pass(told: Ask, part: str) -> None:
    of_part = {"head": ("UK143", "UK151", "UK153"), "changes": ("UK146", "UK147"), "in_the_way": ("UK148", "UK149")}
    for check in checks.CHECKS:
        if check.id in of_part[part]:
            assert told(check, **{part: UNKNOWN}) == CouldNotRun(UNKNOWN.reason)


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.id)
def test_a_site_at_the_target_has_nothing_to_check_out(told: Ask, graph: VersionGraph, check: Check[Any]) -> None:
    result = told(
        check,
        path=graph.path("0.3.0", "0.3.0"),
        changes=(change(),),
        in_the_way=(InTheWay(path="x", place="x", overwritten=True, tags=("v0.3.0",)),),
    )
    assert isinstance(result, Passed | NotApplicable)


# The program and the folder


def test_git_that_is_missing_is_an_error_where_there_is_a_repository(ask: Ask, git: Git) -> None:
    finding = only_finding(ask(checks.git_is_installed, git=replace(git, program=None)))
    assert finding.severity is Severity.ERROR
    assert "winget install --id Git.Git -e" in finding.hint


def test_git_that_is_missing_is_a_warning_where_there_is_none(ask: Ask, git: Git) -> None:
    finding = only_finding(ask(checks.git_is_installed, git=replace(git, program=None, has_repository=False)))
    assert finding.severity is Severity.WARNING


def test_git_that_does_not_answer_is_no_pass(ask: Ask, git: Git) -> None:
    assert ask(checks.git_is_installed, git=replace(git, program=UNKNOWN)) == CouldNotRun(UNKNOWN.reason)


@pytest.mark.parametrize(("version", "warns"), [("2.7.4", True), ("2.15.9", True), ("2.16", False), ("2.50.1", False)])
def test_a_git_that_would_write_is_told(ask: Ask, git: Git, version: str, warns: bool) -> None:
    result = ask(checks.git_is_installed, git=replace(git, program=Version(version)))
    assert isinstance(result, Found) is warns


def test_a_folder_that_was_unpacked_is_told_how_to_become_a_checkout(ask: Ask, git: Git) -> None:
    finding = only_finding(ask(checks.folder_is_a_work_tree, git=replace(git, has_repository=False)))
    assert finding.severity is Severity.WARNING
    assert "    git reset v0.2.9.1\n" in finding.hint


def test_a_folder_of_another_user_is_named_as_it_is_to_be_typed(ask: Ask, git: Git) -> None:
    of_another = replace(git, folder=Path("/srv/my site"), distrusts=True)
    finding = only_finding(ask(checks.folder_is_a_work_tree, git=of_another))
    assert finding.severity is Severity.WARNING
    assert finding.hint.endswith("    git config --global --add safe.directory '/srv/my site'")


def test_a_git_that_refuses_even_the_kit_is_an_error(ask: Ask, git: Git) -> None:
    refused = replace(git, distrusts=True, refusal="git refuses because ...", repository=UNKNOWN)
    assert only_finding(ask(checks.folder_is_a_work_tree, git=refused)).severity is Severity.ERROR


# The commit and the tags


@pytest.mark.parametrize("version", ["0.2.9", "0.2.9.1", "0.2.9.2"])
def test_a_point_release_of_the_same_node_is_no_contradiction(ask: Ask, site: Deployment, version: str) -> None:
    assert not isinstance(site.checkout, Unobserved)
    checkout = replace(site.checkout, version=Version(version))
    assert isinstance(ask(checks.head_is_the_version, checkout=checkout), Passed)


def test_a_version_that_is_not_known_is_not_compared(ask: Ask, site: Deployment) -> None:
    assert not isinstance(site.checkout, Unobserved)
    checkout = replace(site.checkout, version=Unobserved("nothing tells it"))
    assert ask(checks.head_is_the_version, checkout=checkout) == CouldNotRun("nothing tells it")


def test_both_tags_of_a_long_way_are_named(told: Ask, graph: VersionGraph) -> None:
    finding = only_finding(told(checks.tags_are_here, path=graph.path("0.2.8", "0.3.0"), tags=()))
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("v0.2.9.1 and v0.3.0: not in this repository yet")
    assert "git fetch origin --tags" in finding.hint
    assert "set-url" not in finding.hint


def test_a_tag_at_bitbucket_is_fetched_from_elsewhere(told: Ask) -> None:
    remote = Remote(name="origin", address="bitbucket.org:tohccmedphys/qatrackplus.git")
    assert (
        "git remote set-url origin https://github.com/"
        in only_finding(told(checks.tags_are_here, tags=(), remotes=(remote,))).hint
    )


def test_an_origin_that_could_not_be_asked_is_said(told: Ask) -> None:
    gone = Unobserved("origin is /gone, and there is no such folder")
    assert gone.reason in only_finding(told(checks.tags_are_here, tags=(), at_origin=gone)).message


def test_a_moved_tag_shows_both_commits(told: Ask) -> None:
    finding = only_finding(told(checks.tags_are_the_published_ones, tags=(("v0.3.0", "f" * 40),)))
    assert "ffffffffffff" in finding.message
    assert "e1d386a008f3" in finding.message


# Local changes


def test_what_the_target_does_not_have_yet_here_is_not_judged(told: Ask) -> None:
    result = told(checks.changes_do_not_stand_in_the_way, tags=(), changes=(change(targets=()),))
    assert isinstance(result, CouldNotRun)
    assert "v0.3.0 is not in this repository yet" in result.reason


def test_a_head_of_another_release_is_not_judged(told: Ask, graph: VersionGraph) -> None:
    for check in (checks.changes_do_not_stand_in_the_way, checks.ignored_files_are_not_overwritten):
        result = told(check, path=graph.path("0.2.8", "0.3.0"), changes=(change(),))
        assert isinstance(result, CouldNotRun)
        assert "HEAD is v0.2.9.1 and the path starts at 0.2.8" in result.reason


def test_a_repository_without_a_commit_is_not_judged(told: Ask, head: Head) -> None:
    result = told(checks.untracked_files_do_not_stand_in_the_way, head=replace(head, commit=None, release=None))
    assert isinstance(result, CouldNotRun)


def test_without_changes_it_does_not_matter_what_the_target_has(told: Ask) -> None:
    assert isinstance(told(checks.changes_do_not_stand_in_the_way, tags=(), changes=()), Passed)


@pytest.mark.parametrize(
    ("local", "typed"),
    [
        pytest.param(change(), "git diff HEAD --output=../local-changes.diff", id="content"),
        pytest.param(change(differs_in=Difference.LINE_ENDS), "git stash push", id="line ends"),
        pytest.param(change(differs_in=Difference.MODE), "git config core.fileMode false", id="mode"),
        pytest.param(change("a b.py", hidden=True), "--no-assume-unchanged 'a b.py'", id="hidden"),
    ],
)
def test_each_kind_of_change_has_its_own_way_out(told: Ask, local: LocalChange, typed: str) -> None:
    finding = only_finding(told(checks.changes_do_not_stand_in_the_way, changes=(local,)))
    assert finding.severity is Severity.ERROR
    assert typed in finding.hint


def test_a_thousand_files_of_one_kind_are_one_finding(told: Ask) -> None:
    many = tuple(change(f"f{number:04}.py", differs_in=Difference.LINE_ENDS) for number in range(1000))
    finding = only_finding(told(checks.changes_do_not_stand_in_the_way, changes=many))
    assert "1000 files" in finding.message
    assert finding.message.endswith("f0009.py and 990 more")


def test_a_line_break_in_a_name_breaks_no_line(told: Ask) -> None:
    lying = InTheWay(path="a\nb", place="a\nb", overwritten=False, tags=("v0.3.0",))
    finding = only_finding(told(checks.untracked_files_do_not_stand_in_the_way, in_the_way=(lying,)))
    assert finding.message.isprintable()
    assert r"a\nb" in finding.message


def test_what_lies_where_another_release_has_a_file_does_not_matter(told: Ask) -> None:
    lying = InTheWay(path="x", place="x", overwritten=False, tags=("v0.2.8",))
    assert isinstance(told(checks.untracked_files_do_not_stand_in_the_way, in_the_way=(lying,)), Passed)


def test_the_place_is_what_has_to_be_moved(told: Ask) -> None:
    lying = InTheWay(path="docs/tools/own", place="docs/tools", overwritten=False, tags=("v0.3.0",))
    finding = only_finding(told(checks.untracked_files_do_not_stand_in_the_way, in_the_way=(lying,)))
    assert finding.hint.endswith("    mv docs/tools docs/tools.ours")


# Commits, remotes and branches


def test_commits_of_the_site_are_named(told: Ask, head: Head) -> None:
    finding = only_finding(
        told(checks.there_are_no_local_commits, head=replace(head, local_commits=("abc1234 Our logo",)))
    )
    assert "abc1234 Our logo" in finding.message
    assert "git branch changes-of-this-site" in finding.hint


def test_commits_on_a_branch_need_no_other(told: Ask, head: Head) -> None:
    ours = replace(head, branch="site", local_commits=("abc1234 Our logo",))
    assert "git branch " not in only_finding(told(checks.there_are_no_local_commits, head=ours)).hint


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/qatrackplus/qatrackplus.git",
        "https://github.com/qatrackplus/qatrackplus",
        "https://GitHub.com/QATrackPlus/qatrackplus/",
        "github.com:qatrackplus/qatrackplus.git",
        "ssh://github.com:22/qatrackplus/qatrackplus.git",
    ],
)
def test_the_projects_own_repository_passes(told: Ask, address: str) -> None:
    assert told(checks.origin_still_exists, remotes=(Remote(name="origin", address=address),)) == Passed(address)


@pytest.mark.parametrize(
    "address",
    ["https://bitbucket.org/hospital/qa.git", "https://notbitbucket.org/a/b.git", r"\\server\mirror", "C:/mirror"],
)
def test_an_address_of_the_hospital_is_worth_knowing_only(told: Ask, address: str) -> None:
    finding = only_finding(told(checks.origin_still_exists, remotes=(Remote(name="origin", address=address),)))
    assert finding.severity is Severity.INFO


def test_a_pull_that_brings_later_code_is_told(told: Ask, head: Head) -> None:
    upstream = Upstream(name="origin/master", ahead=0, behind=1960, described="v3.1.1.4-27-g13bb906")
    finding = only_finding(
        told(checks.pull_does_not_lead_past_the_target, head=replace(head, branch="master", upstream=upstream))
    )
    assert finding.severity is Severity.INFO
    assert "1960 commits, to v3.1.1.4-27-g13bb906" in finding.message
    assert finding.hint.endswith("    git checkout v0.3.0")
