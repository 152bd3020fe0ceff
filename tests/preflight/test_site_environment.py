from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tests.preflight.conftest import installed, required, site_environment
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.environment import Environment, Environments
from upgrade_kit.model.path import Release, UpgradePath
from upgrade_kit.model.requirement import RequirementFile, RequirementLine
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.facts import Facts
from upgrade_kit.preflight.site_environment import (
    SiteEnvironment,
    applies,
    best_environment,
    does,
    installed_for,
    names_of,
)


def release(graph: VersionGraph, version: str) -> Release:
    return graph.path(version, version).target


def line(name: str = "sample", specifier: str = "", marker: str = "") -> RequirementLine:
    return RequirementLine(
        text=name, where="base.txt:1", names=(name,), specifier=specifier, marker=marker, is_from_git=False
    )


def one(name: str, django: str, python: str = "2.7.18", **more: Any) -> Environment:
    known = installed(f"django {django}") if django else ()
    return site_environment(folder=Path(name), python=Version(python), distributions=known, **more)


class TestWhichIsTheSites:
    @pytest.mark.parametrize(
        ("found", "chosen"),
        [
            pytest.param([one("a", "1.6.11")], "a", id="the only one"),
            pytest.param([one("a", "4.2", "3.11.7"), one("b", "1.6.11")], "b", id="the other is of another Python"),
            pytest.param([one("a", "1.11.15"), one("b", "1.6.2")], "b", id="its Django decides"),
            pytest.param([one("a", "1.6.11"), one("b", "1.6.11", named_by="x")], "b", id="the site names it"),
            pytest.param([one("a", "1.8.19")], None, id="another Django, of whatever application"),
            pytest.param([one("my-QATrack", "1.5.12")], "my-QATrack", id="another Django under the site's name"),
            pytest.param([one("a", "1.5.12", named_by="x")], "a", id="another Django, and the site names it"),
            pytest.param([one("a", "", named_by="x")], None, id="named, without Django"),
            pytest.param([one("a", "1.6.11", "3.6.15", named_by="x")], None, id="a Python that runs it not"),
            pytest.param([one("a", "dev", named_by="x")], "a", id="a Django without number"),
            pytest.param([], None, id="none"),
        ],
    )
    def test_what_speaks_for_it_is_weighed(
        self, graph: VersionGraph, found: list[Environment], chosen: str | None
    ) -> None:
        best = best_environment(found, release(graph, "0.2.9.1"))
        assert (None if best is None else str(best.folder)) == chosen

    def test_an_unknown_python_does_where_django_speaks(self, graph: VersionGraph) -> None:
        unknown = site_environment(python=Unobserved("it does not answer"))
        assert best_environment([unknown], release(graph, "0.2.9.1")) is unknown
        other = replace(unknown, distributions=installed("django 1.4.22"))
        assert best_environment([other], release(graph, "0.2.9.1")) is None


def fact(site: Deployment, path: UpgradePath, **facts: Any) -> SiteEnvironment:
    known = SiteEnvironment.of(Facts(replace(site, **facts), path, RewritePlan(items=(), listed=0)))
    assert not isinstance(known, Unobserved)
    return known


class TestLines:
    @pytest.mark.parametrize(
        ("marker", "python", "system", "counts"),
        [
            ("", "3.6.15", "Linux", True),
            ("python_version < '3.6'", "3.5.2", "Linux", True),
            ("python_version < '3.6'", "3.6.15", "Linux", False),
            ("sys_platform == 'win32'", "3.6.15", "Windows", True),
            ("sys_platform == 'win32'", "3.6.15", "Linux", False),
            ("os_name == 'nt'", "3.6.15", "Windows", True),
            ("extra == 'docs'", "3.6.15", "Linux", False),
            ("no marker at all", "3.6.15", "Linux", True),
        ],
    )
    def test_a_marker_decides_for_the_python_and_the_system_that_are_meant(
        self, marker: str, python: str, system: str, *, counts: bool
    ) -> None:
        assert applies(line(marker=marker), Version(python), system) is counts

    def test_each_name_counts_once_and_files_are_those_of_the_site(self, site: Deployment, path: UpgradePath) -> None:
        known = fact(site, path)
        lines = known.lines_of(path.target, Version("3.6.15"))
        assert not isinstance(lines, Unobserved)
        assert [one.text for one in lines] == ["Django==1.11.15"]

    def test_the_vendor_chooses_the_file(self, site: Deployment, path: UpgradePath) -> None:
        files = tuple(
            RequirementFile(name=f"requirements/{name}.txt", lines=(line(name),), includes=(), odd=())
            for name in ("base", "postgres", "mysql", "win")
        )
        every = replace(required("v0.3.0"), files=files)
        assert not isinstance(site.requirements, Unobserved)
        of = replace(site.requirements, releases=((path.target.version, every),))
        assert not isinstance(site.database, Unobserved)
        for vendor, system, names in (
            ("sqlite", "Linux", ["base"]),
            ("postgresql", "Linux", ["base", "postgres"]),
            ("mysql", "Linux", ["base", "mysql"]),
            ("microsoft", "Windows", ["base", "win"]),
        ):
            known = fact(
                site,
                path,
                requirements=of,
                database=replace(site.database, vendor=vendor),
                machine=replace(site.machine, system=system),
            )
            lines = known.lines_of(path.target, Version("3.6.15"))
            assert not isinstance(lines, Unobserved)
            assert [one.names[0] for one in lines] == names

    def test_what_is_not_known_of_the_files_is_handed_on(self, site: Deployment, path: UpgradePath) -> None:
        unknown = Unobserved("git is not installed here")
        assert fact(site, path, requirements=unknown).files_of(path.target) is unknown
        bare = replace(path.target, installing=None)
        files = fact(site, path).files_of(bare)
        assert isinstance(files, Unobserved)
        assert not files.asked

    @pytest.mark.parametrize(
        ("version", "specifier", "right"),
        [("1.0", "", True), ("1.0", "==1.0", True), ("1.0.1", "==1.0", False), ("dev", "", True), ("dev", ">1", False)],
    )
    def test_a_version_does_or_not(self, version: str, specifier: str, *, right: bool) -> None:
        assert does(installed(f"sample {version}")[0], line(specifier=specifier)) is right

    def test_another_name_of_the_rules_will_do(self, graph: VersionGraph) -> None:
        target = release(graph, "0.3.0")
        driver = line("psycopg2-binary")
        assert names_of(driver, target) == ("psycopg2-binary", "psycopg2")
        has = site_environment(distributions=installed("psycopg2 2.7.5"))
        assert installed_for(driver, has, target) is not None
        assert installed_for(line("reportlab"), has, target) is None
        assert installed_for(driver, has, replace(target, installing=None)) is None


class TestTheTargets:
    def test_the_folder_of_the_guide_comes_first(self, site: Deployment, path: UpgradePath) -> None:
        found = (one("other", "1.11.15", "3.6.15"), one("venvs/qatrack3", "", "3.6.15"))
        known = fact(site, path, environments=Environments(found=found, planned=()))
        assert known.target is found[1]
        assert fact(site, path, environments=Environments(found=found[:1], planned=())).target is found[0]
        assert fact(site, path).target is None

    def test_another_application_on_such_a_python_is_none(self, site: Deployment, path: UpgradePath) -> None:
        wiki = one("wiki", "2.2.28", "3.6.15")
        assert fact(site, path, environments=Environments(found=(wiki,), planned=())).target is None
