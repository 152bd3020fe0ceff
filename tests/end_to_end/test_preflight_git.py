"""The checks of git on sites as they are, one file under fixtures/ for each case, and what git itself then does.

A file's name holds the check, its answer, and what the case is. In it are the steps that are taken in a clone of
the project of ``application.toml``; ``git`` is what a git that is found here says of its version.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.cases import of_family, parts, told
from tests.end_to_end.repositories import CASES, build_project, build_site, done, environment, git, read, state, write
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

ALL = sorted(case for case in CASES.iterdir() if case.name != "application.toml")
JUDGED = of_family("git")
UNREADABLE = [case for case in ALL if case.name.startswith("unreadable")]
CHECKED_OUT = [case for case in JUDGED if "UK146" <= case.name[:5] <= "UK150"]
CHECKS = tuple(f"UK{number}" for number in range(142, 156))
STOPS = ("UK146", "UK148", "UK150")

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
    pytest.mark.skipif(os.name == "nt", reason="names and modes that Windows has not"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("project") / "qatrackplus"
    return folder, build_project(folder, VersionGraph.load().releases)


@pytest.fixture(scope="module")
def graph(project: tuple[Path, dict[str, str]]) -> VersionGraph:
    """The rules, with the commits of the project that the tests have made."""
    known = VersionGraph.load()
    releases = [replace(one, commits=((one.tag, project[1][one.tag]),)) for one in known.releases]
    return VersionGraph(releases, known.hops)


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("databases")
    for version in ("0.2.8", "0.2.9.1"):
        build_sample_database(folder / version, VersionGraph.load().resolve(version))
    return folder


def observed(site: Path, case: Path, databases: Path, graph: VersionGraph) -> Deployment:
    version = str(read(case).get("start", "v0.2.9.1")).removeprefix("v")
    return survey(
        site,
        database=f"sqlite:///{databases / version}",
        interpreters=False,
        environment={**environment(site.parent), **_with_git(read(case), site.parent)},
        releases=graph.releases,
    )


def _with_git(said: Mapping[str, object], folder: Path) -> dict[str, str]:
    """Return the PATH with the git of the case, which only tells its version, or with none."""
    if "git" not in said:
        return {}
    programs = folder / "programs"
    programs.mkdir()
    if said["git"]:
        (programs / "git").write_text(f"#!/bin/sh\necho '{said['git']}'\n", encoding="utf-8")
        (programs / "git").chmod(0o755)
    return {"PATH": str(programs)}


def answers(deployment: Deployment, graph: VersionGraph) -> dict[str, Result]:
    version = "0.2.8" if str(deployment.version) == "0.2.8" else "0.2.9.1"
    path = graph.path(version, "0.3.0")
    return {result.id: result.result for result in run_preflight(deployment, path, only=["git"]).results}


def findings(result: Result) -> tuple[Finding, ...]:
    return result.findings if isinstance(result, Found) else ()


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.stem)
def test_each_case_gets_its_answer(
    case: Path, tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph, databases: Path
) -> None:
    id_, expected, _ = parts(case)
    site = build_site(case, tmp_path, project[0])
    before = state(site)

    deployment = observed(site, case, databases, graph)
    found = answers(deployment, graph)
    result = found[id_]

    assert state(site) == before
    assert "sample-token" not in str(deployment)
    others = {other for other, one in found.items() if any(told.severity.value == "error" for told in findings(one))}
    assert others <= {id_, read(case).get("also")}
    for finding in told(result, expected):
        assert finding.where
        assert "\n    " in finding.hint
        assert finding.message.isprintable()


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.stem)
def test_what_cannot_be_read_is_no_pass(
    case: Path, tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph, databases: Path
) -> None:
    site = build_site(case, tmp_path, project[0])
    found = answers(observed(site, case, databases, graph), graph)
    for id_ in ("UK143", "UK146", "UK147", "UK148", "UK149", "UK155"):
        assert isinstance(found[id_], CouldNotRun), (id_, found[id_])


@pytest.mark.parametrize("case", CHECKED_OUT, ids=lambda case: case.stem)
def test_git_does_what_was_foretold(
    case: Path, tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph, databases: Path
) -> None:
    site = build_site(case, tmp_path, project[0])
    deployment = observed(site, case, databases, graph)
    found = answers(deployment, graph)
    stops = [one.message for id_ in STOPS for one in findings(found[id_]) if one.severity.value == "error"]
    lost = findings(found["UK149"])
    carried = findings(found["UK147"])
    before = {path: text for path, (_, text) in state(site).items() if "/.git/" not in path}
    tags = ["v0.2.9.1", "v0.3.0"] if "start" in read(case) else ["v0.3.0"]

    refused = next((tag for tag in tags if git(site, "checkout", "-q", tag).returncode), None)

    assert (refused is not None) == bool(stops)
    if refused is not None:
        assert any(refused in message for message in stops) or "UK150" in case.stem
        return
    after = {path: text for path, (_, text) in state(site).items() if "/.git/" not in path}
    ours = {path: text for path, text in before.items() if _is_ours(text) and not path.endswith(".pyc")}
    assert bool(lost) == any(after.get(path) != text for path, text in ours.items())
    assert bool(done(site, "diff", "--numstat", "--ignore-cr-at-eol", "HEAD")) == bool(carried)


def _is_ours(text: bytes) -> bool:
    return text in {b"ours\n", b"SECRET = 1\n", b"x"}


@pytest.mark.parametrize("case", [case for case in CHECKED_OUT if "-error-" in case.name], ids=lambda case: case.stem)
def test_after_what_is_to_be_typed_git_checks_out_and_nothing_is_lost(
    case: Path, tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph, databases: Path
) -> None:
    site = build_site(case, tmp_path, project[0])
    ours = [text for _, text in state(site).values() if _is_ours(text)]
    tags = ["v0.2.9.1", "v0.3.0"] if "start" in read(case) else ["v0.3.0"]
    for finding in findings(answers(observed(site, case, databases, graph), graph)[case.stem[:5]]):
        lines = [line.strip() for line in finding.hint.splitlines()[1:]]
        subprocess.run(
            [shutil.which("bash") or "bash", "-ec", "\n".join(lines)], check=True, cwd=site, env=environment(tmp_path)
        )

    for tag in tags:
        done(site, "checkout", "-q", tag)

    assert done(site, "describe", "--tags", "HEAD") == "v0.3.0"
    if "staged" in case.stem:
        assert "before-the-upgrade" in done(site, "stash", "list")
        return
    kept = [text for path, (_, text) in state(site).items() if _is_ours(text) and "/.git/" not in path]
    if case.stem[:5] in {"UK148", "UK149"}:
        assert sorted(kept) == sorted(ours)


def test_a_folder_without_git_becomes_a_checkout_by_what_is_to_be_typed(
    tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph, databases: Path
) -> None:
    case = CASES / "UK142-warning-unpacked.toml"
    site = build_site(case, tmp_path, project[0])
    write(site / "qatrack" / "same.py", "same = ours\n")
    (finding,) = findings(answers(observed(site, case, databases, graph), graph)["UK142"])
    for line in finding.hint.splitlines()[1:]:
        words = line.replace("https://github.com/qatrackplus/qatrackplus.git", str(project[0])).split()
        done(site, *words[1:])
    assert done(site, "describe", "--tags") == "v0.2.9.1"
    assert done(site, "status", "--short") == "M qatrack/same.py"


def test_a_machine_without_git_is_told(
    tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph
) -> None:
    site = build_site(CASES / "UK142-passed-a-clone.toml", tmp_path, project[0])
    seen = survey(site, interpreters=False, environment={"PATH": str(tmp_path)}, releases=graph.releases)
    found = answers(seen, graph)
    (finding,) = findings(found["UK141"])
    assert finding.severity.value == "error"
    assert "winget install" in finding.hint
    assert all(isinstance(result, CouldNotRun) for id_, result in found.items() if id_ in CHECKS)


def test_a_checkout_of_another_user_is_looked_at_all_the_same(
    tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph
) -> None:
    case = CASES / "UK146-error-changed.toml"
    site = build_site(case, tmp_path, project[0])
    settings = {**environment(tmp_path), "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    found = answers(survey(site, interpreters=False, environment=settings, releases=graph.releases), graph)
    (finding,) = findings(found["UK142"])
    assert finding.severity.value == "warning"
    assert f"git config --global --add safe.directory {site.as_posix()}" in finding.hint
    assert findings(found["UK146"])


def test_a_site_in_a_folder_of_somebody_elses_repository_is_not_looked_at_there(
    tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph
) -> None:
    site = build_site(CASES / "UK142-error-damaged.toml", tmp_path, project[0])
    done(tmp_path, "init", "-q")
    found = answers(survey(site, interpreters=False, environment=environment(tmp_path), releases=graph.releases), graph)
    assert "not a git repository" in findings(found["UK142"])[0].message


def test_a_linked_work_tree_is_a_work_tree(
    tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph
) -> None:
    main = build_site(CASES / "UK142-passed-a-clone.toml", tmp_path, project[0])
    done(main, "worktree", "add", "-q", "../linked", "v0.2.9.1")
    seen = survey(tmp_path / "linked", interpreters=False, environment=environment(tmp_path), releases=graph.releases)
    found = answers(seen, graph)
    assert found["UK142"] == Passed(f"the history is in {main / '.git'}")
    assert not any(findings(result) for result in found.values())


def test_a_clone_cut_short_is_told_so(
    tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph
) -> None:
    done(tmp_path, "clone", "-q", "--depth=1", "--no-tags", f"file://{project[0]}", "-b", "v0.2.9.1", "site")
    done(tmp_path / "site", "remote", "set-url", "origin", "https://github.com/qatrackplus/qatrackplus.git")
    seen = survey(tmp_path / "site", interpreters=False, environment=environment(tmp_path), releases=graph.releases)
    found = answers(seen, graph)
    (finding,) = findings(found["UK144"])
    assert "a clone with part of the history only" in finding.message
    assert found["UK143"] == Passed("v0.2.9.1")
    assert isinstance(found["UK149"], CouldNotRun)


def test_no_program_that_the_site_names_is_run(
    tmp_path: Path, project: tuple[Path, dict[str, str]], graph: VersionGraph
) -> None:
    site = build_site(CASES / "UK146-error-changed.toml", tmp_path, project[0])
    plant = f"touch {(tmp_path / 'planted').as_posix()}"
    done(site, "update-index", "--assume-unchanged", "qatrack/same.py")
    write(site / ".git" / "info" / "attributes", "*.py filter=plant diff=plant\n")
    for key in ("filter.plant.clean", "filter.plant.process", "diff.plant.textconv", "diff.plant.command"):
        done(site, "config", key, plant)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "diff.external", "gpg.program"):
        done(site, "config", key, plant)
    done(site, "config", "log.showSignature", "true")
    found = answers(survey(site, interpreters=False, environment=environment(tmp_path), releases=graph.releases), graph)
    assert findings(found["UK146"])
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("id_", ["UK141", *CHECKS])
def test_without_a_site_git_is_not_asked(id_: str, databases: Path, graph: VersionGraph) -> None:
    found = answers(survey(None, database=f"sqlite:///{databases / '0.2.9.1'}", interpreters=False), graph)
    assert isinstance(found[id_], NotApplicable)
