from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from upgrade_kit.model.deployment import (
    Deployment,
    ServiceScript,
    ServiceScripts,
    Stated,
    WindowsService,
    WindowsServices,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.service import (
    ports_are_not_shared,
    script_names_the_site,
    service_has_its_environment,
    service_is_stopped,
    service_starts_by_itself,
)

Ask = Callable[..., Result]
UNKNOWN = Unobserved("sc.exe qc was not asked")


@pytest.fixture
def script(site: Deployment) -> ServiceScript:
    assert isinstance(site.service_scripts, ServiceScripts)
    return site.service_scripts.scripts[0]


@pytest.fixture
def service(site: Deployment) -> WindowsService:
    assert isinstance(site.windows_services, WindowsServices)
    return site.windows_services.found[0]


def scripts(*found: ServiceScript) -> ServiceScripts:
    return ServiceScripts(scripts=found)


def services(*found: WindowsService) -> WindowsServices:
    return WindowsServices(found=found, source="sc.exe")


def only_finding(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding


@pytest.mark.parametrize(
    "check",
    [
        script_names_the_site,
        service_has_its_environment,
        ports_are_not_shared,
        service_starts_by_itself,
        service_is_stopped,
    ],
)
def test_a_service_as_the_guide_has_it_passes(ask: Ask, check: object) -> None:
    assert isinstance(ask(check), Passed | NotApplicable)


class TestFolder:
    def test_another_folder_is_told_with_the_line_to_write(self, ask: Ask, script: ServiceScript) -> None:
        finding = only_finding(ask(script_names_the_site, service_scripts=scripts(replace(script, is_this_site=False))))
        assert finding.severity is Severity.WARNING
        assert finding.where == "QATrackCherryPyService.py:8"
        assert finding.hint.endswith('    DEPLOY_DIRECTORY = "site/"')

    def test_a_copy_of_a_windows_site_under_its_own_name_is_left_alone(self, ask: Ask, script: ServiceScript) -> None:
        elsewhere = replace(
            script,
            deploy_directory=Stated(value="C:\\deploy\\SITE\\", where="x.py:1"),
            is_this_site=Unobserved("read elsewhere", asked=False),
        )
        assert ask(script_names_the_site, service_scripts=scripts(elsewhere)) == NotApplicable("read elsewhere")

    def test_a_folder_that_could_not_be_looked_at_is_no_pass(self, ask: Ask, script: ServiceScript) -> None:
        denied = replace(script, is_this_site=Unobserved("denied"))
        assert ask(script_names_the_site, service_scripts=scripts(denied)) == CouldNotRun("denied")

    def test_a_script_without_the_name_is_not_asked(self, ask: Ask, script: ServiceScript) -> None:
        bare = replace(script, deploy_directory=None, is_this_site=None)
        assert isinstance(ask(script_names_the_site, service_scripts=scripts(bare)), NotApplicable)


class TestEnvironment:
    @pytest.mark.parametrize(
        ("program", "passes"),
        [
            ('"C:\\Deploy\\venvs\\qatrack3\\Scripts\\pythonservice.exe"', True),
            ("c:/deploy/venvs/qatrack3/scripts/pythonservice.exe -x", True),
            ("C:\\deploy\\venvs\\qatrack30\\Scripts\\pythonservice.exe", False),
            ("C:\\Program Files\\Python36\\pythonservice.exe", False),
        ],
    )
    def test_the_program_is_in_the_folder_or_not(
        self, ask: Ask, script: ServiceScript, service: WindowsService, program: str, *, passes: bool
    ) -> None:
        named = replace(script, venv_directory=Stated(value="C:/deploy/venvs/qatrack3/", where="x.py:1"), has_venv=True)
        result = ask(
            service_has_its_environment,
            service_scripts=scripts(named),
            windows_services=services(replace(service, program=program)),
            environments=Unobserved("nobody looked for environments", asked=False),
        )
        assert isinstance(result, Passed) == passes

    @pytest.mark.parametrize("what", ["has_venv", "environments"])
    def test_what_could_not_be_looked_at_is_no_pass(self, ask: Ask, script: ServiceScript, what: str) -> None:
        denied = Unobserved("denied")
        named = replace(
            script,
            venv_directory=Stated(value="/srv/qatrack3", where="x.py:1"),
            has_venv=denied if what == "has_venv" else True,
        )
        facts = {"windows_services": UNKNOWN, **({"environments": denied} if what == "environments" else {})}
        result = ask(service_has_its_environment, service_scripts=scripts(named), **facts)
        assert result == CouldNotRun("denied")

    def test_an_environment_of_the_version_before_is_told(self, ask: Ask, script: ServiceScript) -> None:
        """The environment of the site itself, which is of Python 2.7."""
        named = replace(script, venv_directory=Stated(value="venvs/qatrack", where="x.py:1"), has_venv=True)
        result = ask(service_has_its_environment, service_scripts=scripts(named), windows_services=UNKNOWN)
        finding = only_finding(result)
        assert "2.7" in finding.message
        assert ">=3.4,<3.7" in finding.message


class TestPorts:
    def test_two_services_on_one_port_are_told_and_which_to_disable(self, ask: Ask, script: ServiceScript) -> None:
        new = replace(
            script,
            file=Path("site/QATrack3CherryPyService.py"),
            service=Stated(value="QATrack030CherryPyService", where="x.py:1"),
            venv_directory=Stated(value="C:/venv", where="x.py:2"),
        )
        finding = only_finding(
            ask(ports_are_not_shared, service_scripts=scripts(new, script), windows_services=Unobserved("no"))
        )
        assert finding.severity is Severity.WARNING
        assert "8080" in finding.message
        assert "Set-Service -Name QATrackCherryPyService -StartupType Disabled" in finding.hint

    def test_a_service_that_is_not_installed_shares_nothing(self, ask: Ask, script: ServiceScript) -> None:
        new = replace(script, service=Stated(value="QATrack030CherryPyService", where="x.py:1"))
        assert isinstance(ask(ports_are_not_shared, service_scripts=scripts(new, script)), Passed)

    def test_a_port_that_is_not_known_is_no_pass_beside_another(self, ask: Ask, script: ServiceScript) -> None:
        computed = replace(script, port=Stated(value=UNKNOWN, where="x.py:3"))
        assert isinstance(ask(ports_are_not_shared, service_scripts=scripts(script, computed)), NotApplicable)


class TestStart:
    def test_what_was_not_asked_is_no_pass(self, ask: Ask, service: WindowsService) -> None:
        asked = services(replace(service, state=UNKNOWN, start_type=UNKNOWN))
        assert ask(service_starts_by_itself, windows_services=asked) == CouldNotRun(UNKNOWN.reason)
        assert ask(service_is_stopped, windows_services=asked) == CouldNotRun(UNKNOWN.reason)

    def test_one_that_starts_is_enough(self, ask: Ask, service: WindowsService) -> None:
        both = services(replace(service, name="Old", start_type="DISABLED"), service)
        assert isinstance(ask(service_starts_by_itself, windows_services=both), Passed)

    def test_without_any_service_and_any_script_there_is_nothing_to_ask(self, ask: Ask) -> None:
        none = Unobserved("no script", asked=False)
        result = ask(service_starts_by_itself, windows_services=services(), service_scripts=none)
        assert isinstance(result, NotApplicable)

    def test_a_site_at_its_target_may_run(self, ask: Ask, service: WindowsService, graph: VersionGraph) -> None:
        running = services(replace(service, state="RUNNING"))
        way = graph.path("0.3.0", "0.3.0")
        assert isinstance(ask(service_is_stopped, windows_services=running, path=way), NotApplicable)
        assert only_finding(ask(service_is_stopped, windows_services=running)).severity is Severity.INFO
