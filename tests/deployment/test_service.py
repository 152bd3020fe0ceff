from __future__ import annotations

import os
from pathlib import Path

import pytest

from upgrade_kit.deployment.service import ask_windows, read_service_exports, read_service_scripts
from upgrade_kit.model.deployment import (
    ServiceScript,
    ServiceScripts,
    WindowsServices,
)
from upgrade_kit.model.unobserved import Unobserved

SCRIPT = "import win32serviceutil\n"


def script(folder: Path, text: str, name: str = "QATrack3CherryPyService.py") -> ServiceScript:
    (folder / name).write_text(text, encoding="utf-8")
    found = read_service_scripts(folder)
    assert isinstance(found, ServiceScripts)
    (one,) = found.scripts
    return one


class TestScript:
    def test_what_is_written_out_is_known_with_its_line(self, tmp_path: Path) -> None:
        one = script(tmp_path, 'VENV_DIRECTORY = "C:/venv"\nDEPLOY_DIRECTORY = "C:/site"\n')
        assert one.venv_directory is not None
        assert (one.venv_directory.value, one.venv_directory.where) == ("C:/venv", "QATrack3CherryPyService.py:1")
        assert one.deploy_directory is not None
        assert one.deploy_directory.value == "C:/site"

    @pytest.mark.parametrize(
        ("text", "port"),
        [
            pytest.param("import cherrypy\n", 8080, id="CherryPy's own where none is set"),
            pytest.param("PORT = 8008\n", 8080, id="a name that nothing uses"),
            pytest.param("PORT = 8008\nx = {'server.socket_port': PORT}\n", 8008, id="through a name"),
            pytest.param("x = {'global': {'server.socket_port': 8009}}\n", 8009, id="in the configuration"),
            pytest.param("cherrypy.server.socket_port = 8010\n", 8010, id="as an attribute"),
            pytest.param("cherrypy.config['server.socket_port'] = 8011\n", 8011, id="as an entry"),
        ],
    )
    def test_the_port_is_what_cherrypy_gets(self, tmp_path: Path, text: str, port: int) -> None:
        assert script(tmp_path, text).port.value == port

    @pytest.mark.parametrize(
        "text",
        [
            "x = {'server.socket_port': int(input())}\n",
            "PORT = 1\nPORT = 2\nx = {'server.socket_port': PORT}\n",
            "x = {'server.socket_port': 1}\ny = {'server.socket_port': 2}\n",
        ],
    )
    def test_a_port_that_is_computed_or_set_twice_is_not_known(self, tmp_path: Path, text: str) -> None:
        assert isinstance(script(tmp_path, text).port.value, Unobserved)

    def test_any_name_counts_that_uses_the_framework(self, tmp_path: Path) -> None:
        assert script(tmp_path, SCRIPT, "run_as_service.py").file.name == "run_as_service.py"

    def test_other_scripts_do_not_count_even_where_they_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "manage.py").write_text("import os\n", encoding="utf-8")
        (tmp_path / "broken.py").write_bytes(b"\xff\xfe = =")
        found = read_service_scripts(tmp_path)
        assert isinstance(found, Unobserved)
        assert not found.asked

    def test_python_2_is_read(self, tmp_path: Path) -> None:
        one = script(tmp_path, "print 'starting'\nDEPLOY_DIRECTORY = u'C:/site'\n")
        assert one.deploy_directory is not None
        assert one.deploy_directory.value == "C:/site"

    def test_the_sites_own_folder_is_recognised_however_it_is_written(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        assert script(tmp_path, f"DEPLOY_DIRECTORY = {str(tmp_path / 'sub' / '..')!r}\n").is_this_site is True
        assert script(tmp_path, "DEPLOY_DIRECTORY = '.'\n").is_this_site is False


class TestExport:
    def test_query_and_qc_of_one_service_are_one_whatever_the_case(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("SERVICE_NAME: qatracksvc\n  STATE : 4  RUNNING\n", encoding="utf-8")
        (tmp_path / "b").write_text("SERVICE_NAME: QATrackSvc\n  START : 2  AUTO_START\n", encoding="utf-8")
        found = read_service_exports((tmp_path / "a", tmp_path / "b"))
        assert isinstance(found, WindowsServices)
        (one,) = found.found
        assert (one.state, one.start_type) == ("RUNNING", "AUTO_START")

    def test_of_all_services_only_those_of_the_site_are_kept(self, tmp_path: Path) -> None:
        text = "".join(
            f"SERVICE_NAME: {name}\nDISPLAY_NAME: RUNNING: all of it\n        TYPE : 10  WIN32\n"
            f"        STATE              : 1  STOPPED \n\n"
            for name in ("Spooler", "linacweb", "QATrackCherryPyService", "W3SVC")
        )
        (tmp_path / "all.txt").write_text(text, encoding="utf-16")
        found = read_service_exports((tmp_path / "all.txt",), ["LinacWeb"])
        assert isinstance(found, WindowsServices)
        assert [(one.name, one.state) for one in found.found] == [
            ("linacweb", "STOPPED"),
            ("QATrackCherryPyService", "STOPPED"),
        ]

    def test_what_was_not_asked_is_not_known(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("SERVICE_NAME: qatrack\n  STATE : 4  RUNNING\n", encoding="utf-8")
        found = read_service_exports((tmp_path / "a",))
        assert isinstance(found, WindowsServices)
        assert isinstance(found.found[0].start_type, Unobserved)
        assert isinstance(found.found[0].program, Unobserved)

    @pytest.mark.parametrize("raw", [b"", b"\0", b"\xff\xfe", b"\xff\xfe\0", b"SERVICE_NAME:", b"\x81\x8d" * 99])
    def test_rubbish_is_refused(self, tmp_path: Path, raw: bytes) -> None:
        (tmp_path / "a").write_bytes(raw)
        assert isinstance(read_service_exports((tmp_path / "a",)), Unobserved)

    def test_a_file_that_is_too_large_or_a_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"x" * (4 * 1024 * 1024 + 1))
        for path in (tmp_path / "a", tmp_path):
            assert isinstance(read_service_exports((path,)), Unobserved)


@pytest.mark.skipif(os.name != "posix", reason="a script takes the place of sc.exe")
class TestWindows:
    def asked(self, folder: Path, script: str) -> WindowsServices | Unobserved:
        (folder / "sc.exe").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / "sc.exe").chmod(0o755)
        return ask_windows(["Own"], {"PATH": str(folder)})

    def test_each_service_is_asked_for_state_and_start_type(self, tmp_path: Path) -> None:
        found = self.asked(
            tmp_path,
            """if [ "$2" != Own ]; then echo "[SC] OpenService FAILED 1060:"; exit 36; fi
echo "SERVICE_NAME: $2"
if [ $1 = query ]; then echo "   STATE : 1  STOPPED"; else echo "   START_TYPE : 4   DISABLED"; fi""",
        )
        assert isinstance(found, WindowsServices)
        assert [(one.name, one.state, one.start_type) for one in found.found] == [("Own", "STOPPED", "DISABLED")]

    def test_a_refusal_is_no_absence(self, tmp_path: Path) -> None:
        found = self.asked(tmp_path, 'echo "[SC] OpenService FAILED 5:"; echo; echo Access is denied.; exit 5')
        assert isinstance(found, Unobserved)
        assert "Access is denied" in found.reason

    def test_where_sc_is_not_found_nothing_is_known(self, tmp_path: Path) -> None:
        assert isinstance(ask_windows([], {"PATH": str(tmp_path)}), Unobserved)
