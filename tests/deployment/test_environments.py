from __future__ import annotations

import os
import shutil
import sys
import venv
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.deployment.environments import (
    EnvironmentFolder,
    find_environment_folders,
    home_folder,
    program_of,
    read_environments,
)
from upgrade_kit.deployment.interpreters import find_interpreters
from upgrade_kit.model.deployment import (
    Interpreter,
    Interpreters,
    ServiceScript,
    ServiceScripts,
    Stated,
    WindowsService,
    WindowsServices,
)
from upgrade_kit.model.environment import Environments, FolderHolds
from upgrade_kit.model.unobserved import Unobserved

posix = pytest.mark.skipif(sys.platform == "win32", reason="paths of this system")
NOBODY = Interpreters(found=(), silent=())


def environment(folder: Path, *, config: str = "version = 3.6.15\n", program: bool = True) -> Path:
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "pyvenv.cfg").write_text(config, encoding="utf-8")
    if program:
        (folder / "bin" / "python").write_text("", encoding="utf-8")
    return folder


def install(folder: Path, name: str, version: str, library: str = "lib/python3.6") -> Path:
    place = folder / library / "site-packages" / f"{name}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n", encoding="utf-8")
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "web" / "qatrackplus"
    root.mkdir(parents=True)
    (root / "manage.py").write_text("#!/usr/bin/env python\n", encoding="utf-8")
    return root


def folders(
    site: Path | None,
    *given: Path,
    scripts: ServiceScripts | None = None,
    services: WindowsServices | None = None,
    apache: tuple[Path, ...] = (),
    **variables: str,
) -> list[tuple[str, str, bool]]:
    found = find_environment_folders(
        site, given=given, scripts=scripts, services=services, environment=variables, apache=apache
    )
    return [(one.folder.name, one.found, bool(one.named_by)) for one in found]


def script(folder: str | Unobserved) -> ServiceScripts:
    one = ServiceScript(
        file=Path("service.py"),
        service=None,
        deploy_directory=None,
        is_this_site=None,
        venv_directory=Stated(value=folder, where="service.py:3"),
        has_venv=None,
        port=Stated(value=8080, where="service.py"),
    )
    return ServiceScripts(scripts=(one,))


class TestWhere:
    def test_around_the_site_and_in_the_home_folder(self, site: Path, tmp_path: Path) -> None:
        home = tmp_path / "home"
        for folder in (
            site / ".venv",
            site.parent / "env",
            site.parent / "venvs" / "a",
            tmp_path / "venvs" / "b",
            home / "venvs" / "c",
            home / ".virtualenvs" / "d",
            tmp_path / "work" / "e",
        ):
            environment(folder)
        (site / "docs").mkdir()
        names = {"HOME": str(home), "USERPROFILE": str(home), "WORKON_HOME": str(tmp_path / "work")}
        found = [
            (one.folder.name, one.found, one.named_by)
            for one in find_environment_folders(site, environment=names, apache=())
        ]
        assert [name for name, _, _ in found] == [".venv", "env", "a", "b", "c", "d", "e"]
        assert {(how, named) for _, how, named in found} == {("beside the site", "")}

    def test_the_same_folder_is_found_once_and_first_by_what_names_it(self, site: Path) -> None:
        folder = environment(site.parent / "venvs" / "a")
        assert folders(site, folder, VIRTUAL_ENV=str(folder)) == [("a", "named with --venv", True)]

    def test_the_active_one_is_looked_at_and_names_nothing(self, tmp_path: Path) -> None:
        assert folders(None, VIRTUAL_ENV=str(tmp_path / "x")) == [("x", "VIRTUAL_ENV", False)]

    @posix
    def test_the_service_script_names_one(self, site: Path) -> None:
        assert folders(site, scripts=script("/deploy/venvs/q")) == [("q", "the service script", True)]

    @posix
    @pytest.mark.parametrize("folder", ["C:\\deploy\\venvs\\q", "venvs/q", "", "/a\0b", Unobserved("computed")])
    def test_a_folder_that_is_none_of_this_machine_is_passed_over(self, site: Path, folder: str | Unobserved) -> None:
        assert folders(site, scripts=script(folder)) == []

    @posix
    @pytest.mark.parametrize(
        ("program", "names"),
        [
            ("/deploy/venvs/q/Lib/site-packages/win32/pythonservice.exe", ["q"]),
            ('"/deploy/venvs/q/Scripts/pythonservice.exe"', ["q"]),
            ("C:\\deploy\\venvs\\q\\Lib\\site-packages\\win32\\pythonservice.exe", []),
            ("/usr/bin/pythonservice", []),
        ],
    )
    def test_the_program_of_a_service_lies_in_one(self, site: Path, program: str, names: list[str]) -> None:
        known = tuple(
            WindowsService(name="Q", state="RUNNING", start_type="AUTO_START", program=value)
            for value in (program, Unobserved("not asked"))
        )
        found = folders(site, services=WindowsServices(found=known, source="sc.exe"))
        assert [name for name, _, _ in found] == names

    @posix
    def test_apache_names_one(self, site: Path, tmp_path: Path) -> None:
        apache = tmp_path / "apache"
        apache.mkdir()
        (apache / "qatrack.conf").write_text(
            f"# WSGIPythonHome /not/this\nWSGIDaemonProcess q python-home=/home/u/venvs/q python-path={site}\n",
            encoding="utf-8",
        )
        (apache / "wsgi.load").write_text('WSGIPythonHome "/home/u/venvs/r"\n', encoding="utf-8")
        (apache / "huge.conf").write_bytes(b"WSGIPythonHome /x\n" * 20000)
        assert folders(site, apache=(apache, tmp_path / "gone")) == [("q", "Apache", True), ("r", "Apache", False)]

    @posix
    def test_the_first_line_of_manage_py_names_one(self, site: Path, tmp_path: Path) -> None:
        folder = environment(tmp_path / "elsewhere" / "q")
        (site / "manage.py").write_text(f"#!{folder}/bin/python2.7 -u\n", encoding="utf-8")
        assert folders(site) == [("q", "the first line of manage.py", True)]
        (site / "manage.py").write_text("#!/usr/bin/python\n", encoding="utf-8")
        assert folders(site) == []

    def test_a_machine_without_a_home_folder_is_looked_at(self, site: Path) -> None:
        assert home_folder({}) is None
        assert folders(site) == []


def seen(folder: Path, interpreters: Interpreters | Unobserved = NOBODY, named_by: str = "") -> Environments:
    return read_environments([EnvironmentFolder(folder, named_by, "here")], interpreters)


class TestWhatIsIn:
    def test_a_real_one_is_known_by_its_own_answer(self, tmp_path: Path) -> None:
        venv.create(tmp_path / "q", symlinks=os.name != "nt")
        answered = find_interpreters(environment={"PATH": ""}, environments=[tmp_path / "q"])
        (one,) = seen(tmp_path / "q", answered).found
        assert str(one.python) == ".".join(map(str, sys.version_info[:3]))
        assert one.program == program_of(tmp_path / "q")
        assert one.distributions == ()

    @pytest.mark.parametrize(
        ("config", "version"),
        [
            ("home = x\nversion = 3.6.15\n", "3.6.15"),
            ("version_info = 2.7.18.final.0\r\n", "2.7.18"),
            ("home = x\n", None),
            ("version = soon\n", None),
        ],
    )
    def test_one_that_does_not_answer_is_known_by_its_file(
        self, tmp_path: Path, config: str, version: str | None
    ) -> None:
        (one,) = seen(environment(tmp_path / "q", config=config)).found
        assert (None if isinstance(one.python, Unobserved) else str(one.python)) == version

    def test_an_old_one_without_that_file_is_known_by_its_library(self, tmp_path: Path) -> None:
        folder = install(environment(tmp_path / "q", config=""), "Django", "1.6.11", "lib/python2.7")
        (folder / "pyvenv.cfg").unlink()
        (folder / "bin" / "activate").write_text("", encoding="utf-8")
        (one,) = seen(folder).found
        assert one.python == Version("2.7")
        django = one.installed("django")
        assert django is not None
        assert django.version == "1.6.11"

    def test_an_old_one_of_windows_is_known_by_its_dll(self, tmp_path: Path) -> None:
        folder = install(tmp_path / "q", "Django", "1.6.11", "Lib")
        (folder / "Scripts").mkdir()
        for name in ("activate.bat", "python.exe", "python27.dll"):
            (folder / "Scripts" / name).write_bytes(b"")
        (one,) = seen(folder).found
        assert (one.python, one.program) == (Version("2.7"), folder / "Scripts" / "python.exe")

    @posix
    def test_an_interpreter_that_leads_nowhere_is_none(self, tmp_path: Path) -> None:
        folder = environment(tmp_path / "q", program=False)
        (folder / "bin" / "python").symlink_to(tmp_path / "gone")
        (one,) = seen(folder).found
        assert one.program is None
        assert isinstance(one.distributions, Unobserved)
        assert one.installed("django") is None

    def test_what_is_named_and_holds_no_environment_is_lost(self, tmp_path: Path) -> None:
        gone, folder = tmp_path / "gone", tmp_path
        assert seen(gone, named_by="the script").lost == (("the script", str(gone)),)
        assert seen(folder, named_by="--venv").lost == (("--venv", str(folder)),)
        assert seen(gone) == Environments(found=(), planned=())
        assert seen(environment(tmp_path / "q"), named_by="the script").lost == ()

    def test_an_interpreter_with_a_django_of_that_time_counts(self, tmp_path: Path) -> None:
        old = Interpreter(
            path=tmp_path / "a" / "python",
            version=Version("2.7.18"),
            bits=64,
            found="PATH",
            prefix=install(tmp_path / "a", "Django", "1.6.11", "lib/python2.7"),
        )
        new = Interpreter(
            path=tmp_path / "b" / "python",
            version=Version("3.11.7"),
            bits=64,
            found="PATH",
            prefix=install(tmp_path / "b", "Django", "4.2", "lib/python3.11"),
        )
        silent = Interpreter(path=tmp_path / "c", version=Version("2.7.18"), bits=64, found="PATH")
        found = read_environments([], Interpreters(found=(old, new, silent), silent=())).found
        assert [one.folder for one in found] == [tmp_path / "a"]
        assert read_environments([], Unobserved("not asked")).found == ()


class TestWhereTheNextOneWillBe:
    def planned(self, site: Path | None, tmp_path: Path, **variables: str) -> Environments:
        names = {"HOME": str(tmp_path / "home"), "USERPROFILE": str(tmp_path / "home")} | variables
        return read_environments([], NOBODY, ["qatrack3", "qatrack3"], site=site, environment=names)

    def test_beside_the_venvs_that_are_there(self, site: Path, tmp_path: Path) -> None:
        (site.parent / "venvs").mkdir()
        (one,) = self.planned(site, tmp_path).planned
        assert (one.folder, one.holds) == (site.parent / "venvs" / "qatrack3", FolderHolds.NOTHING)
        assert one.free_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)

    def test_where_the_guide_has_it_if_there_are_none(self, site: Path, tmp_path: Path) -> None:
        (one,) = self.planned(site, tmp_path).planned
        assert one.folder == (site.parent if os.name == "nt" else tmp_path / "home") / "venvs" / "qatrack3"

    def test_without_a_site_none_is_planned(self, tmp_path: Path) -> None:
        known = self.planned(None, tmp_path)
        assert known.planned == ()
        assert known.planned_as("qatrack3") is None

    @pytest.mark.parametrize(
        ("what", "holds", "lacks"),
        [
            ("empty", FolderHolds.NOTHING, ""),
            ("whole", FolderHolds.ENVIRONMENT, ""),
            ("no pip", FolderHolds.HALF, "pip"),
            ("no program", FolderHolds.HALF, "its interpreter"),
            ("file", FolderHolds.OTHER, ""),
            ("notes", FolderHolds.OTHER, ""),
        ],
    )
    def test_what_it_holds(self, site: Path, tmp_path: Path, what: str, holds: FolderHolds, lacks: str) -> None:
        folder = site.parent / "venvs" / "qatrack3"
        folder.parent.mkdir()
        match what:
            case "empty":
                folder.mkdir()
            case "file":
                folder.write_text("", encoding="utf-8")
            case "notes":
                folder.mkdir()
                (folder / "notes.txt").write_text("", encoding="utf-8")
            case _:
                environment(folder, program=what != "no program")
        if what == "whole":
            install(folder, "pip", "21.3.1")
        (one,) = self.planned(site, tmp_path).planned
        assert (one.holds, one.lacks) == (holds, lacks)

    @posix
    def test_a_link_to_nowhere_is_something(self, site: Path, tmp_path: Path) -> None:
        folder = site.parent / "venvs" / "qatrack3"
        folder.parent.mkdir()
        folder.symlink_to(folder)
        (one,) = self.planned(site, tmp_path).planned
        assert one.holds is FolderHolds.OTHER
