from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tests.preflight.conftest import installed, planned_environment, required, site_environment
from upgrade_kit.model.deployment import Machine
from upgrade_kit.model.environment import Environment, Environments, FolderHolds
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.requirement import ReleaseRequirements, Requirements
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.checks.environment import (
    CHECKS,
    environment_has_its_requirements,
    environment_is_of_the_release,
    folder_is_free,
    nothing_beside_the_requirements,
    pip_is_of_an_age,
    requirement_files_are_understood,
    requirements_can_be_installed,
    target_environment_is_complete,
    there_is_room,
)

Ask = Callable[..., Result]
WINDOWS = Machine(system="Windows", preferred_encoding="cp1252")
UNKNOWN = Unobserved("it cannot be read")
DROPDOWN = "-e git+https://github.com/randlet/django-genericdropdown.git@1#egg=django_genericdropdown-master"
PANDAS = "pandas>=0.22.0,<0.25"
CHERRYPY = "CherryPy==8.1.0"


def found(*environments: Environment, **planned: Any) -> Environments:
    return Environments(found=environments, planned=(planned_environment(**planned),))


def of(**tags: ReleaseRequirements | Unobserved) -> Requirements:
    versions = {"old": "0.2.9.1", "new": "0.3.0", "oldest": "0.2.8"}
    return Requirements(releases=tuple((Version(versions[name]), files) for name, files in tags.items()))


def both(old: tuple[str, ...], new: tuple[str, ...]) -> Requirements:
    return of(old=required("v0.2.9.1", *old), new=required("v0.3.0", *new))


def only(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding


def target_environment(*names: str, python: str = "3.6.15", **more: Any) -> Environment:
    return site_environment(
        folder=Path("venvs/qatrack3"), python=Version(python), distributions=installed(*names), **more
    )


NEEDS_A_SITE = (environment_is_of_the_release, environment_has_its_requirements, nothing_beside_the_requirements)
NEEDS_FILES = (
    environment_has_its_requirements,
    nothing_beside_the_requirements,
    requirements_can_be_installed,
    requirement_files_are_understood,
)
NEEDS_HOPS = tuple(check for check in CHECKS if check.id not in {"UK121", "UK123", "UK125"})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_the_good_site_trips_none(check: Check[Any], ask: Ask) -> None:
    assert isinstance(ask(check), Passed | NotApplicable)


@pytest.mark.parametrize("check", NEEDS_A_SITE, ids=lambda check: check.id)
def test_without_the_sites_environment_they_do_not_apply(check: Check[Any], ask: Ask) -> None:
    assert isinstance(ask(check, environments=found()), NotApplicable)


@pytest.mark.parametrize("check", NEEDS_FILES, ids=lambda check: check.id)
@pytest.mark.parametrize("files", [UNKNOWN, of(old=UNKNOWN, new=UNKNOWN)], ids=["all", "each"])
def test_without_the_requirement_files_they_could_not_look(
    check: Check[Any], files: Requirements | Unobserved, ask: Ask
) -> None:
    assert ask(check, requirements=files) == CouldNotRun("it cannot be read")


@pytest.mark.parametrize("check", NEEDS_HOPS, ids=lambda check: check.id)
def test_a_site_at_its_target_is_not_asked(check: Check[Any], ask: Ask, graph: VersionGraph) -> None:
    assert isinstance(ask(check, path=graph.path("0.3.0", "0.3.0")), NotApplicable)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_target_of_which_no_rule_tells_trips_none(check: Check[Any], ask: Ask, graph: VersionGraph) -> None:
    path = graph.path("0.2.9.1", "0.3.0")
    bare = replace(path, releases=(path.source, replace(path.target, installing=None)))
    assert not isinstance(ask(check, path=bare), Found)


class TestDjango:
    def test_a_later_repair_of_the_same_is_right(self, ask: Ask) -> None:
        site = site_environment(distributions=installed("django 1.6.2"))
        assert isinstance(ask(environment_is_of_the_release, environments=found(site)), Passed)

    def test_another_is_told_and_how_to_name_the_right_one(self, ask: Ask) -> None:
        site = site_environment(distributions=installed("django 1.4.22"))
        finding = only(ask(environment_is_of_the_release, environments=found(site)))
        assert "Django 1.4.22" in finding.message
        assert "--venv DIR" in finding.hint

    def test_one_without_number_is_not_judged(self, ask: Ask) -> None:
        site = site_environment(distributions=installed("django dev"))
        assert isinstance(ask(environment_is_of_the_release, environments=found(site)), CouldNotRun)


class TestBeside:
    def test_only_what_nothing_needs_is_told(self, ask: Ask) -> None:
        names = ("django 1.6.11 pytz", "pytz 2014.7", "pylinac 1.9 tqdm", "tqdm 4", "a 1 b", "b 1 a", "setuptools 44")
        site = site_environment(distributions=installed(*names))
        finding = only(ask(nothing_beside_the_requirements, environments=found(site)))
        assert finding.severity is Severity.INFO
        assert "pylinac 1.9, a 1, b 1." in finding.message
        assert finding.hint.endswith("python -m pip install pylinac a b")

    def test_what_another_vendor_or_the_target_names_is_not_told(self, ask: Ask) -> None:
        site = site_environment(distributions=installed("django 1.6.11", "reportlab 3.5.8", "psycopg2 2.7"))
        files = both(("Django",), ("Django", "reportlab", "psycopg2-binary"))
        assert isinstance(ask(nothing_beside_the_requirements, environments=found(site), requirements=files), Passed)

    def test_many_are_counted_and_all_are_typed(self, ask: Ask) -> None:
        names = [f"sample{number} 1" for number in range(40)]
        site = site_environment(distributions=installed("django 1.6.11", *names))
        finding = only(ask(nothing_beside_the_requirements, environments=found(site)))
        assert "40 distributions" in finding.message
        assert "and 28 more" in finding.message
        assert "sample39" in finding.hint

    def test_what_cannot_be_listed_is_no_pass(self, ask: Ask) -> None:
        site = site_environment(distributions=UNKNOWN)
        for check in (nothing_beside_the_requirements, environment_has_its_requirements):
            assert isinstance(ask(check, environments=found(site)), NotApplicable)  # nor is it known to be the site's


class TestItsOwnRequirements:
    def test_missing_and_other_versions_are_listed(self, ask: Ask) -> None:
        files = both(("Django==1.6.11", "South==1.0.1", "pip==9"), ("Django",))
        finding = only(ask(environment_has_its_requirements, requirements=files))
        assert "1 missing (south==1.0.1)" in finding.message
        assert "1 of another version (pip 20.3.4, not ==9)" in finding.message
        assert finding.severity is Severity.INFO

    def test_metadata_that_cannot_be_read_are_told(self, ask: Ask) -> None:
        site = site_environment(odd=(("x.dist-info", "it cannot be read"),))
        finding = only(ask(environment_has_its_requirements, environments=found(site)))
        assert "x.dist-info (it cannot be read)" in finding.message

    def test_a_python_that_is_not_known_is_no_pass(self, ask: Ask) -> None:
        site = site_environment(python=UNKNOWN)
        assert isinstance(ask(environment_has_its_requirements, environments=found(site)), CouldNotRun)


class TestFolder:
    @pytest.mark.parametrize(
        ("holds", "lacks", "said"),
        [(FolderHolds.OTHER, "", "something else"), (FolderHolds.HALF, "pip", "pip is missing")],
    )
    @pytest.mark.parametrize(
        ("machine", "typed"),
        [
            (None, f"mv {quoted(str(Path('venvs/qatrack3')))}"),
            (WINDOWS, f"Rename-Item {quoted(str(Path('venvs/qatrack3')))} qatrack3-old"),
        ],
    )
    def test_what_is_in_the_way_is_told_and_how_to_move_it(
        self, ask: Ask, holds: FolderHolds, lacks: str, said: str, machine: Machine | None, typed: str
    ) -> None:
        more = {} if machine is None else {"machine": machine}
        finding = only(ask(folder_is_free, environments=found(holds=holds, lacks=lacks), **more))
        assert said in finding.message
        assert typed in finding.hint

    @pytest.mark.parametrize(("python", "tripped"), [("3.6.15", False), ("2.7.18", True), ("3.7.16", True)])
    def test_an_environment_is_in_the_way_if_its_python_is(self, ask: Ask, python: str, *, tripped: bool) -> None:
        there = found(target_environment(python=python), holds=FolderHolds.ENVIRONMENT)
        assert isinstance(ask(folder_is_free, environments=there), Found) == tripped

    def test_what_cannot_be_told_is_no_pass(self, ask: Ask) -> None:
        unknown = replace(target_environment(), python=UNKNOWN)
        for known in (found(holds=UNKNOWN), found(unknown, holds=FolderHolds.ENVIRONMENT)):
            assert isinstance(ask(folder_is_free, environments=known), CouldNotRun)


class TestTargetEnvironment:
    def test_none_is_no_fault(self, ask: Ask) -> None:
        assert isinstance(ask(target_environment_is_complete), NotApplicable)

    def test_a_whole_one_passes(self, ask: Ask) -> None:
        there = found(target_environment("django 1.11.15"))
        assert isinstance(ask(target_environment_is_complete, environments=there), Passed)

    def test_one_that_is_empty_is_to_be_filled(self, ask: Ask) -> None:
        finding = only(ask(target_environment_is_complete, environments=found(target_environment("pip 21.3.1"))))
        assert finding.severity is Severity.INFO
        assert finding.hint.endswith("python -m pip install -r requirements/base.txt")

    def test_a_half_filled_one_is_told_with_the_command_that_works(self, ask: Ask) -> None:
        files = both(("Django",), ("Django==1.11.15", "numpy==1.15.2", DROPDOWN))
        there = found(target_environment("django 1.11.15"))
        finding = only(ask(target_environment_is_complete, environments=there, requirements=files, machine=WINDOWS))
        assert finding.severity is Severity.WARNING
        assert "numpy==1.15.2" in finding.message
        assert "install --use-deprecated=legacy-resolver -r requirements\\win.txt" in finding.hint

    def test_what_is_not_known_of_it_is_no_pass(self, ask: Ask) -> None:
        for made in (replace(target_environment(), distributions=UNKNOWN), target_environment()):
            there = found(made)
            answer = ask(target_environment_is_complete, environments=there, requirements=of(new=UNKNOWN))
            assert answer == CouldNotRun("it cannot be read")


class TestTroubles:
    def test_a_line_that_pip_refuses_is_told_with_what_to_type(self, ask: Ask) -> None:
        finding = only(ask(requirements_can_be_installed, requirements=both((), ("Django", DROPDOWN))))
        assert finding.severity is Severity.WARNING
        assert "pip 20.3 and newer refuse it" in finding.message
        assert finding.where == "requirements/base.txt:2 (v0.3.0)"
        assert finding.hint.endswith("--use-deprecated=legacy-resolver -r requirements/base.txt")

    @pytest.mark.parametrize(("python", "tripped"), [("3.4.10", True), ("3.6.15", False)])
    @pytest.mark.parametrize("system", ["Windows", "Linux"])
    def test_what_holds_for_one_python_is_told_for_that(
        self, ask: Ask, site: Any, python: str, system: str, *, tripped: bool
    ) -> None:
        machine = replace(WINDOWS, system=system)
        interpreters = replace(site.interpreters, found=(replace(site.interpreters.found[0], version=Version(python)),))
        files = both((), (PANDAS,))
        result = ask(requirements_can_be_installed, requirements=files, machine=machine, interpreters=interpreters)
        assert isinstance(result, Found) == (tripped and system == "Windows")

    def test_without_interpreters_the_newest_that_suits_is_meant(self, ask: Ask) -> None:
        result = ask(requirements_can_be_installed, requirements=both((), (PANDAS,)), interpreters=UNKNOWN)
        assert isinstance(result, Passed)

    @pytest.mark.parametrize(("source", "tripped"), [("0.2.8", True), ("0.2.9.1", False)])
    def test_releases_on_the_way_count_and_the_one_left_does_not(
        self, ask: Ask, graph: VersionGraph, source: str, *, tripped: bool
    ) -> None:
        files = of(oldest=required("v0.2.8"), old=required("v0.2.9.1", CHERRYPY), new=required("v0.3.0", "Django"))
        path = graph.path(source, "0.3.0")
        result = ask(requirements_can_be_installed, requirements=files, path=path, machine=WINDOWS)
        assert isinstance(result, Found) == tripped
        if isinstance(result, Found):
            assert 'install --upgrade "pip<21" "setuptools<45"' in result.findings[0].hint


class TestUnderstood:
    def test_an_odd_line_and_a_missing_file_are_told(self, ask: Ask) -> None:
        files = required("v0.3.0", "Django")
        odd = replace(files.files[0], odd=(("requirements/base.txt:9", "Django 1", "no"),))
        missing = (("requirements/base.txt", "it is not there"), ("requirements/other.txt", "it is not there"))
        result = ask(
            requirement_files_are_understood,
            requirements=of(new=ReleaseRequirements(tag="v0.3.0", files=(odd,), missing=missing)),
        )
        assert isinstance(result, Found)
        assert [finding.where for finding in result.findings] == ["requirements/base.txt:9", "requirements/base.txt"]
        assert "git show v0.3.0:requirements/base.txt" in result.findings[0].hint


class TestPip:
    def result(self, ask: Ask, *names: str, python: str = "3.6.15", **more: Any) -> Result:
        there = found(target_environment(*names, python=python))
        return ask(pip_is_of_an_age, environments=there, **more)

    @pytest.mark.parametrize("pip", ["19.3", "21.3.1", "20.2.4"])
    def test_those_that_work_pass(self, ask: Ask, pip: str) -> None:
        result = self.result(ask, f"pip {pip}")
        assert isinstance(result, Passed)
        assert pip in result.seen

    @pytest.mark.parametrize(
        ("names", "said", "typed"),
        [
            (("pip 9.0.1",), "19.3 or newer", '"pip==21.3.1"'),
            (("pip 22.0",), "the last that runs on Python 3.6 is 21.3.1", "pip/3.6/get-pip.py"),
            (("pip dev",), "no pip", "python get-pip.py"),
            ((), "no pip", "curl -O"),
        ],
    )
    def test_others_are_told(self, ask: Ask, names: tuple[str, ...], said: str, typed: str) -> None:
        finding = only(self.result(ask, *names))
        assert said in finding.message
        assert typed in finding.hint

    def test_windows_fetches_in_its_own_way(self, ask: Ask) -> None:
        assert "Invoke-WebRequest" in only(self.result(ask, machine=WINDOWS)).hint

    def test_the_sites_own_counts_where_a_release_on_the_way_is_installed_in_it(
        self, ask: Ask, graph: VersionGraph
    ) -> None:
        old = site_environment(distributions=installed("django 1.4.22", "pip 1.5.6"))
        path = graph.path("0.2.8", "0.3.0")
        finding = only(ask(pip_is_of_an_age, environments=found(old), path=path))
        assert "9.0.2 or newer" in finding.message
        assert isinstance(ask(pip_is_of_an_age, environments=found(old)), NotApplicable)

    def test_a_python_of_which_no_rule_tells_is_not_judged(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.2.9.1", "0.3.0")
        assert path.target.installing is not None
        bare = replace(path.target, installing=replace(path.target.installing, pips=()))
        result = self.result(ask, "pip 1", path=replace(path, releases=(path.source, bare)))
        assert isinstance(result, Passed)

    def test_what_is_not_known_is_no_pass(self, ask: Ask) -> None:
        there = found(replace(target_environment(), distributions=UNKNOWN))
        assert ask(pip_is_of_an_age, environments=there) == CouldNotRun("it cannot be read")


class TestRoom:
    @pytest.mark.parametrize(("mib", "tripped"), [(699, True), (700, False)])
    def test_the_measured_size_is_the_limit(self, ask: Ask, mib: int, *, tripped: bool) -> None:
        result = ask(there_is_room, environments=found(free_bytes=mib * 1024 * 1024))
        assert isinstance(result, Found) == tripped
        if tripped:
            assert only(result).severity is Severity.ERROR
            assert "699 MiB free" in only(result).message

    def test_one_that_is_there_needs_no_more(self, ask: Ask) -> None:
        assert isinstance(
            ask(there_is_room, environments=found(holds=FolderHolds.ENVIRONMENT, free_bytes=0)), NotApplicable
        )

    def test_a_volume_that_cannot_be_asked_is_no_pass(self, ask: Ask) -> None:
        assert ask(there_is_room, environments=found(free_bytes=UNKNOWN)) == CouldNotRun("it cannot be read")
