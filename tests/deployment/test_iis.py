from __future__ import annotations

import os
from pathlib import Path

import pytest

from upgrade_kit.deployment.iis import SIZE_LIMIT_BYTES, read_iis
from upgrade_kit.model.deployment import (
    Iis,
)
from upgrade_kit.model.unobserved import Unobserved

RULES = """<configuration>
 <system.webServer>
  <rewrite>
   <rules>
    <clear />
    <rule name="a"><match url="x" negate="true" /><action type="Redirect" url="y" /></rule>
    <rule name="b" enabled="False" patternSyntax="Wildcard" stopProcessing="TRUE"><match url="*" ignoreCase="false" />
     <conditions><add input="{HTTPS}" pattern="off" /></conditions><action type="None" /></rule>
    <remove name="c" />
    <rule name="d" />
   </rules>
  </rewrite>
 </system.webServer>
</configuration>
"""
SERVER = """<configuration>
 <system.applicationHost><sites>
  <site name="QATrack"><application path="/api"><virtualDirectory path="/" physicalPath="no" /></application>
   <application path="/"><virtualDirectory path="/x" physicalPath="no" />
    <virtualDirectory path="/" physicalPath="C:\\site" password="sample-password" /></application></site>
  <site name="bare" />
 </sites></system.applicationHost>
 <location path="QATrack"><system.webServer><rewrite><rules>
  <rule name="of the site"><match url="x" /></rule></rules></rewrite></system.webServer></location>
 <system.webServer><rewrite><globalRules><rule name="of all"><match url="x" /></rule></globalRules></rewrite>
 </system.webServer>
</configuration>
"""


def read(folder: Path, text: str, name: str = "web.config") -> Iis:
    (folder / name).write_text(text, encoding="utf-8")
    found = read_iis(None, (folder,))
    assert isinstance(found, Iis)
    return found


class TestRules:
    def test_each_is_read_with_its_line_and_its_defaults(self, tmp_path: Path) -> None:
        first, second = read(tmp_path, RULES).rules
        assert (first.name, first.where) == ("a", f"{tmp_path / 'web.config'}:6")
        assert (first.enabled, first.stops, first.negated, first.ignores_case) == (True, False, True, True)
        assert (first.action, first.url, first.appends_query) == ("Redirect", "y", True)
        assert (second.enabled, second.stops, second.syntax, second.ignores_case) == (False, True, "Wildcard", False)
        assert second.has_conditions

    def test_those_of_the_server_come_first(self, tmp_path: Path) -> None:
        rules = read(tmp_path, SERVER, "applicationHost.config").rules
        assert [(rule.name, rule.is_global, rule.scope) for rule in rules] == [
            ("of all", True, ""),
            ("of the site", False, "QATrack"),
        ]

    def test_a_user_in_the_address_is_left_out(self, tmp_path: Path) -> None:
        text = RULES.replace('url="y"', 'url="http://who:sample-password@localhost:8080/{R:1}?a=b@c"')
        assert text != RULES
        assert read(tmp_path, text).rules[0].url == "http://localhost:8080/{R:1}?a=b@c"


class TestServer:
    def test_a_site_has_the_folder_of_its_root(self, tmp_path: Path) -> None:
        found = read(tmp_path, SERVER, "applicationHost.config")
        assert not isinstance(found.sites, Unobserved)
        assert found.sites[0].folder.value == "C:\\site"
        assert isinstance(found.sites[1].folder.value, Unobserved)
        assert "sample-password" not in repr(found)

    def test_it_is_known_by_what_is_in_it_under_any_name(self, tmp_path: Path) -> None:
        (tmp_path / "copy.xml").write_text(SERVER, encoding="utf-8")
        found = read_iis(None, (tmp_path / "copy.xml",))
        assert isinstance(found, Iis)
        assert found.proxy == (False, str(tmp_path / "copy.xml"))
        assert isinstance(found.modules, Unobserved)
        assert found.modules.asked

    def test_without_it_nothing_is_known_of_the_server(self, tmp_path: Path) -> None:
        found = read(tmp_path, RULES)
        for fact in (found.proxy, found.modules, found.sites):
            assert isinstance(fact, Unobserved)
            assert not fact.asked


class TestFiles:
    def test_a_folder_without_any_is_told(self, tmp_path: Path) -> None:
        found = read_iis(None, (tmp_path,))
        assert isinstance(found, Unobserved)
        assert found.asked

    def test_capitals_in_a_name_do_not_matter(self, tmp_path: Path) -> None:
        assert read(tmp_path, RULES, "Web.Config").rules

    def test_a_file_that_is_gone_or_too_large_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "large.config").write_bytes(b" " * (SIZE_LIMIT_BYTES + 1))
        for name in ("gone.config", "large.config"):
            found = read_iis(None, (tmp_path / name,))
            assert isinstance(found, Unobserved)
            assert name in found.reason

    def test_the_password_in_a_broken_file_is_not_shown(self, tmp_path: Path) -> None:
        (tmp_path / "web.config").write_text(SERVER.replace("</application>", ""), encoding="utf-8")
        found = read_iis(None, (tmp_path,))
        assert isinstance(found, Unobserved)
        assert "sample-password" not in found.reason


class TestWindows:
    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        folder = tmp_path / "Windows" / "System32" / "inetsrv" / "config"
        folder.mkdir(parents=True)
        return folder / "applicationHost.config"

    def look(self, root: Path) -> Iis | Unobserved:
        return read_iis(root, environment={"SystemRoot": str(root / "Windows")}, system="nt")

    def test_its_own_file_is_read_where_it_names_qatrack(self, tmp_path: Path, config: Path) -> None:
        config.write_text(SERVER, encoding="utf-8")
        found = self.look(tmp_path)
        assert isinstance(found, Iis)
        assert found.files == (config,)

    def test_an_iis_that_serves_other_things_is_left_alone(self, tmp_path: Path, config: Path) -> None:
        config.write_text(SERVER.replace("QATrack", "Intranet"), encoding="utf-8")
        found = self.look(tmp_path)
        assert isinstance(found, Unobserved)
        assert not found.asked

    def test_what_was_named_takes_its_place(self, tmp_path: Path, config: Path) -> None:
        config.write_text("<broken", encoding="utf-8")
        (tmp_path / "copy.config").write_text(SERVER, encoding="utf-8")
        found = read_iis(
            tmp_path, (tmp_path / "copy.config",), environment={"SystemRoot": str(tmp_path / "Windows")}, system="nt"
        )
        assert isinstance(found, Iis)
        assert found.files == (tmp_path / "copy.config",)

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="nobody is refused here")
    def test_one_for_administrators_alone_is_no_fault(self, tmp_path: Path, config: Path) -> None:
        config.write_text(SERVER, encoding="utf-8")
        config.chmod(0)
        found = self.look(tmp_path)
        assert isinstance(found, Unobserved)
        assert not found.asked
