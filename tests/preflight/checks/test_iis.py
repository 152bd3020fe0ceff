from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from upgrade_kit.model.deployment import (
    Deployment,
    Iis,
    IisRule,
    IisSite,
    Stated,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.checks.iis import (
    address_is_its_own,
    folder_is_the_sites,
    modules_are_installed,
    pages_reach_the_service,
    ports_agree,
    proxy_is_on,
    static_files_come_first,
)

Ask = Callable[..., Result]
NOT_NAMED = Unobserved("applicationHost.config was not named", asked=False)


@pytest.fixture
def iis(site: Deployment) -> Iis:
    assert isinstance(site.iis, Iis)
    return site.iis


@pytest.fixture
def static(iis: Iis) -> IisRule:
    return iis.rules[0]


@pytest.fixture
def proxy(iis: Iis) -> IisRule:
    return iis.rules[1]


def only_finding(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding


def site_of_iis(name: str, folder: str, **more: Any) -> IisSite:
    stated: dict[str, Any] = {"starts": True, "bindings": ("http *:80:",), "where": "applicationHost.config:4"} | more
    return IisSite(name=name, folder=Stated(value=folder, where="applicationHost.config:6"), **stated)


@pytest.mark.parametrize(
    "check", [static_files_come_first, pages_reach_the_service, ports_agree, proxy_is_on, modules_are_installed]
)
def test_the_rules_of_the_guide_pass(ask: Ask, check: object) -> None:
    assert isinstance(ask(check), Passed)


class TestStatic:
    def test_the_rule_after_the_proxy_is_told_with_both_places(
        self, ask: Ask, iis: Iis, static: IisRule, proxy: IisRule
    ) -> None:
        finding = only_finding(ask(static_files_come_first, iis=replace(iis, rules=(proxy, static))))
        assert finding.severity is Severity.WARNING
        assert finding.where == proxy.where
        assert f"comes after it ({static.where})" in finding.message
        assert '<match url="^(static|media)/.*" />' in finding.hint

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"enabled": False}, "is not enabled"),
            ({"stops": False}, "does not stop"),
            ({"pattern": "^/(static|media)/"}, "does not match"),
            ({"negated": True}, "does not match"),
            ({"pattern": "STATIC", "ignores_case": False}, "does not match"),
        ],
    )
    def test_what_is_wrong_with_the_rule_is_told(
        self, ask: Ask, iis: Iis, static: IisRule, proxy: IisRule, change: dict[str, Any], words: str
    ) -> None:
        result = ask(static_files_come_first, iis=replace(iis, rules=(replace(static, **change), proxy)))
        assert words in only_finding(result).message

    @pytest.mark.parametrize(
        "change",
        [
            {"syntax": "Wildcard", "pattern": "*/*"},
            {"pattern": "^(STATIC|MEDIA)/"},
            {"pattern": "^qa/", "negated": True},
        ],
    )
    def test_other_ways_to_say_it_pass(
        self, ask: Ask, iis: Iis, static: IisRule, proxy: IisRule, change: dict[str, Any]
    ) -> None:
        result = ask(static_files_come_first, iis=replace(iis, rules=(replace(static, **change), proxy)))
        assert isinstance(result, Passed)

    @pytest.mark.parametrize("pattern", ["(", "(?<name>x)", "(a+)+$", "((.*)*)*x", ".*.*.*.*.*.*.*.*.*.*x"])
    def test_a_pattern_that_is_not_followed_is_no_pass_and_takes_no_time(
        self, ask: Ask, iis: Iis, static: IisRule, proxy: IisRule, pattern: str
    ) -> None:
        start = process_time()
        result = ask(static_files_come_first, iis=replace(iis, rules=(replace(static, pattern=pattern), proxy)))
        assert process_time() - start < 1
        assert only_finding(result).severity is Severity.INFO

    def test_rules_of_other_sites_do_not_count(self, ask: Ask, iis: Iis, static: IisRule, proxy: IisRule) -> None:
        other = replace(proxy, is_global=False, scope="Other", url="", action="CustomResponse")
        own = (replace(static, is_global=False, scope="QATrack"), replace(proxy, is_global=False, scope="QATrack"))
        assert isinstance(ask(static_files_come_first, iis=replace(iis, rules=(other, *own))), Passed)

    def test_without_rules_and_without_the_servers_file_nothing_is_said(self, ask: Ask) -> None:
        bare = Iis(
            files=(Path("web.config"),),
            rules=(),
            has_rewriting=False,
            proxy=NOT_NAMED,
            modules=NOT_NAMED,
            sites=NOT_NAMED,
        )
        for check in (static_files_come_first, pages_reach_the_service, ports_agree):
            result = ask(check, iis=bare)
            assert isinstance(result, NotApplicable)
            assert "was not named" in result.reason


class TestPorts:
    def test_a_script_that_cannot_be_read_is_no_pass(self, ask: Ask) -> None:
        assert ask(ports_agree, service_scripts=Unobserved("line 3")) == CouldNotRun("line 3")

    def test_without_a_script_it_does_not_apply(self, ask: Ask) -> None:
        assert isinstance(ask(ports_agree, service_scripts=Unobserved("no script", asked=False)), NotApplicable)

    def test_another_port_is_told(self, ask: Ask, iis: Iis, static: IisRule, proxy: IisRule) -> None:
        other = replace(proxy, url="http://127.0.0.1:8008/{R:1}")
        finding = only_finding(ask(ports_agree, iis=replace(iis, rules=(static, other))))
        assert "port 8008" in finding.message
        assert "http://localhost:8080/{R:1}" in finding.hint


class TestServer:
    def test_modules_that_are_not_listed_are_no_pass(self, ask: Ask, iis: Iis) -> None:
        listed = replace(iis, modules=Unobserved("no globalModules"))
        assert ask(modules_are_installed, iis=listed) == CouldNotRun("no globalModules")

    def test_of_two_sites_of_the_kind_one_right_one_is_enough(self, ask: Ask, iis: Iis) -> None:
        sites = (
            site_of_iis("QATrack old", "D:\\old\\qatrack"),
            site_of_iis("QATrack", "c:/Deploy/qatrackplus/qatrack"),
        )
        result = ask(folder_is_the_sites, iis=replace(iis, sites=sites), site=Path("C:\\deploy\\qatrackplus"))
        assert isinstance(result, Passed)

    def test_another_folder_is_told_with_the_command(self, ask: Ask, iis: Iis) -> None:
        sites = (site_of_iis("QATrack", "C:\\deploy\\qatrackplus"),)
        result = ask(folder_is_the_sites, iis=replace(iis, sites=sites), site=Path("C:\\deploy\\qatrackplus"))
        assert '"/physicalPath:C:\\deploy\\qatrackplus\\qatrack"' in only_finding(result).hint

    def test_a_site_that_does_not_start_is_in_nobodys_way(self, ask: Ask, iis: Iis) -> None:
        default = site_of_iis("Default Web Site", "C:\\inetpub", starts=False)
        own = site_of_iis("QATrack", "C:\\qatrack")
        assert isinstance(ask(address_is_its_own, iis=replace(iis, sites=(default, own))), Passed)
        result = ask(address_is_its_own, iis=replace(iis, sites=(replace(default, starts=True), own)))
        assert "Default Web Site" in only_finding(result).message

    def test_other_bindings_are_in_nobodys_way(self, ask: Ask, iis: Iis) -> None:
        sites = (site_of_iis("Other", "C:\\x", bindings=("http *:81:",)), site_of_iis("QATrack", "C:\\qatrack"))
        assert isinstance(ask(address_is_its_own, iis=replace(iis, sites=sites)), Passed)
