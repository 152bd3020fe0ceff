from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from upgrade_kit.model.deployment import DatabaseSettings, Settings, Unobserved
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.settings import (
    local_settings_are_read,
    settings_are_known,
    settings_are_python_3,
)

Ask = Callable[..., Result]


def only_finding(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding


class TestLocalSettings:
    @pytest.mark.parametrize("root", [Path("site"), Path("web") / "qatrack"])
    def test_in_the_folder_qatrack_it_is_read(self, ask: Ask, settings: Settings, root: Path) -> None:
        files = (root / "qatrack" / "settings.py", root / "qatrack" / "local_settings.py")
        result = ask(local_settings_are_read, settings=replace(settings, files=files))
        assert result == Passed(str(files[1]))

    @pytest.mark.parametrize("root", [Path("site"), Path("web") / "qatrack"])
    def test_beside_manage_py_it_is_ignored_by_030(self, ask: Ask, settings: Settings, root: Path) -> None:
        files = (root / "qatrack" / "settings.py", root / "local_settings.py")
        finding = only_finding(ask(local_settings_are_read, settings=replace(settings, files=files)))
        assert finding.severity is Severity.ERROR
        assert finding.where == str(files[1])
        assert "mv local_settings.py qatrack/local_settings.py" in finding.hint

    def test_none_at_all_passes(self, ask: Ask, settings: Settings) -> None:
        result = ask(local_settings_are_read, settings=replace(settings, files=settings.files[:1]))
        assert result == Passed()

    def test_before_030_it_is_read_there_too(self, ask: Ask, settings: Settings, graph: VersionGraph) -> None:
        files = (Path("site/qatrack/settings.py"), Path("site/local_settings.py"))
        result = ask(
            local_settings_are_read,
            settings=replace(settings, files=files),
            path=graph.path("0.2.8", "0.2.9.1"),
        )
        assert isinstance(result, NotApplicable)


class TestPython3:
    def test_settings_that_both_can_parse_pass(self, ask: Ask) -> None:
        assert ask(settings_are_python_3) == Passed()

    def test_a_line_of_python_2_is_an_error_with_its_place(self, ask: Ask, settings: Settings) -> None:
        old = replace(settings, python2_only=("qatrack/local_settings.py:12",))
        finding = only_finding(ask(settings_are_python_3, settings=old))
        assert finding.severity is Severity.ERROR
        assert finding.where == "qatrack/local_settings.py:12"


class TestKnown:
    def test_settings_that_are_written_out_pass(self, ask: Ask) -> None:
        assert isinstance(ask(settings_are_known), Passed)

    def test_an_unknown_name_that_the_upgrade_does_not_need_is_not_told(self, ask: Ask, settings: Settings) -> None:
        more = replace(settings, unknown=(("TEMPLATE_CONTEXT_PROCESSORS", Unobserved("comes from Django")),))
        assert isinstance(ask(settings_are_known, settings=more), Passed)

    def test_a_computed_value_that_it_needs_is_named_with_its_reason(self, ask: Ask, settings: Settings) -> None:
        assert isinstance(settings.database, DatabaseSettings)
        computed = replace(
            settings,
            media_root=Unobserved("from the environment"),
            database=replace(settings.database, host=Unobserved("from a function")),
        )
        finding = only_finding(ask(settings_are_known, settings=computed))
        assert finding.severity is Severity.WARNING
        assert "MEDIA_ROOT (from the environment)" in finding.message
        assert "DATABASES['default']['HOST'] (from a function)" in finding.message

    def test_a_database_that_cannot_be_known_is_no_pass(self, ask: Ask, settings: Settings) -> None:
        computed = replace(settings, database=Unobserved("DATABASES is computed"))
        assert ask(settings_are_known, settings=computed) == CouldNotRun("DATABASES is computed")


@pytest.mark.parametrize("check", [local_settings_are_read, settings_are_python_3, settings_are_known])
def test_settings_that_cannot_be_read_are_no_pass(ask: Ask, check: object) -> None:
    assert ask(check, settings=Unobserved("line 3: invalid syntax")) == CouldNotRun("line 3: invalid syntax")
