from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from upgrade_kit.model.deployment import (
    DatabaseSettings,
    ImportKind,
    Settings,
    SettingsImport,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.settings import (
    hosts_are_named,
    imports_are_found,
    local_settings_are_read,
    secret_key_is_own,
    secrets_are_not_open,
    server_is_written_right,
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


class TestImports:
    BESIDE = SettingsImport(module="extra", kind=ImportKind.BESIDE, where="qatrack/local_settings.py:1", certain=True)

    @pytest.fixture
    def importing(self, settings: Settings) -> Settings:
        return replace(settings, imports=(self.BESIDE,))

    def test_what_only_python_2_finds_stops_the_way_to_030(self, ask: Ask, importing: Settings) -> None:
        finding = only_finding(ask(imports_are_found, settings=importing))
        assert finding.severity is Severity.ERROR
        assert finding.where == "qatrack/local_settings.py:1"

    def test_where_it_may_be_passed_over_it_is_a_warning(self, ask: Ask, settings: Settings) -> None:
        perhaps = replace(settings, imports=(replace(self.BESIDE, certain=False),))
        assert only_finding(ask(imports_are_found, settings=perhaps)).severity is Severity.WARNING

    def test_before_030_it_is_found(self, ask: Ask, importing: Settings, graph: VersionGraph) -> None:
        result = ask(imports_are_found, settings=importing, path=graph.path("0.2.8", "0.2.9.1"))
        assert result == Passed()

    def test_where_the_path_is_not_known_it_is_no_pass(self, ask: Ask, importing: Settings) -> None:
        result = ask(imports_are_found, settings=importing, path=Unobserved("half way"))
        assert result == CouldNotRun("half way")


class TestServer:
    def test_a_computed_host_is_left_to_the_check_that_tells_it(self, ask: Ask, settings: Settings) -> None:
        assert isinstance(settings.database, DatabaseSettings)
        computed = replace(settings.database, host=Unobserved("HOST: from the environment"))
        result = ask(server_is_written_right, settings=replace(settings, database=computed))
        assert isinstance(result, NotApplicable)
        assert "UK503" in result.reason

    def test_sqlite_has_no_server(self, ask: Ask) -> None:
        assert isinstance(ask(server_is_written_right), NotApplicable)

    @pytest.mark.parametrize(
        ("host", "port", "lines"),
        [
            pytest.param(" DBSERVER", "1433 ", ("'DBSERVER'", "'1433'"), id="blanks"),
            pytest.param("SERVER\new", "", (r"'SERVER\\new'", "''"), id="a single backslash before an n"),
            pytest.param(r".\SQLExpress", "1433", (r"'.\\SQLExpress'", "''"), id="instance and port"),
            pytest.param("SERVER/INST", "", (r"'SERVER\\INST'", "''"), id="a slash"),
            pytest.param("\\\\SERVER\\INST", "", (r"'SERVER\\INST'", "''"), id="as a share is written"),
            pytest.param("DBSERVER", "default", ("'DBSERVER'", "''"), id="no number"),
        ],
    )
    def test_the_lines_to_type_are_the_sites_own(
        self, ask: Ask, settings: Settings, host: str, port: str, lines: tuple[str, str]
    ) -> None:
        assert isinstance(settings.database, DatabaseSettings)
        written = replace(settings.database, engine="sqlserver_ado", host=host, port=port)
        result = ask(server_is_written_right, settings=replace(settings, database=written))
        assert isinstance(result, Found)
        for finding in result.findings:
            assert finding.hint.endswith(f"    'HOST': {lines[0]},\n    'PORT': {lines[1]},")


class TestHosts:
    def test_what_is_no_name_is_told_with_the_list_to_type(self, ask: Ask, settings: Settings) -> None:
        hosts = "['http://a.example:80/qatrack', 'b.example', 'XX.XXX.XXX.XX', '[::1]:80', '*.c.example']"
        written = replace(settings, values=(("ALLOWED_HOSTS", hosts, "qatrack/local_settings.py:3"),))
        finding = only_finding(ask(hosts_are_named, settings=written))
        assert "'http://a.example:80/qatrack', '[::1]:80', '*.c.example'; Django" in finding.message
        assert finding.hint.endswith("ALLOWED_HOSTS = ['a.example', 'b.example', '[::1]', '.c.example']")

    @pytest.mark.parametrize("hosts", ["['*']", "['.example.org', '10.20.30.40', '[::1]', 'fe80::1']"])
    def test_names_and_addresses_pass(self, ask: Ask, settings: Settings, hosts: str) -> None:
        written = replace(settings, values=(("ALLOWED_HOSTS", hosts, "qatrack/local_settings.py:3"),))
        assert isinstance(ask(hosts_are_named, settings=written), Passed)


class TestSecrets:
    def test_permissions_that_could_not_be_read_are_no_pass(self, ask: Ask, settings: Settings) -> None:
        closed = replace(settings, open_to_all=Unobserved("denied"))
        assert ask(secrets_are_not_open, settings=closed) == CouldNotRun("denied")

    def test_permissions_that_nobody_asked_for_do_not_apply(self, ask: Ask, settings: Settings) -> None:
        windows = replace(settings, open_to_all=Unobserved("not looked at on Windows", asked=False))
        assert ask(secrets_are_not_open, settings=windows) == NotApplicable("not looked at on Windows")

    def test_the_published_key_is_told_without_being_shown(self, ask: Ask, settings: Settings) -> None:
        published = replace(
            settings, has_published_key=True, values=(("SECRET_KEY", "'(hidden)'", "qatrack/settings.py:32"),)
        )
        finding = only_finding(ask(secret_key_is_own, settings=published))
        assert finding.severity is Severity.WARNING
        assert finding.where == "qatrack/settings.py:32"


@pytest.mark.parametrize("check", [local_settings_are_read, settings_are_python_3, settings_are_known])
def test_settings_that_cannot_be_read_are_no_pass(ask: Ask, check: object) -> None:
    assert ask(check, settings=Unobserved("line 3: invalid syntax")) == CouldNotRun("line 3: invalid syntax")
