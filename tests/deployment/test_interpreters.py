from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.deployment import interpreters
from upgrade_kit.deployment.interpreters import find_interpreters, parse_launcher_list
from upgrade_kit.model.deployment import Interpreters
from upgrade_kit.model.unobserved import Unobserved

posix = pytest.mark.skipif(sys.platform == "win32", reason="uses shell scripts")


def find(*folders: Path, seconds: float = 20, **more: str) -> Interpreters:
    environment = {"PATH": os.pathsep.join(map(str, folders)), **more}
    return find_interpreters(environment=environment, timeout_seconds=seconds)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def link(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(sys.executable)
    return path


def test_an_empty_path_has_no_interpreters(tmp_path: Path) -> None:
    assert find(tmp_path) == Interpreters(found=(), silent=())


def test_the_one_that_is_named_is_asked(tmp_path: Path) -> None:
    found = find_interpreters(Path(sys.executable), environment={"PATH": str(tmp_path)}).found
    assert [one.version for one in found] == [Version(".".join(map(str, sys.version_info[:3])))]
    assert found[0].bits == (64 if sys.maxsize > 2**32 else 32)
    assert found[0].found == "named with --python"


@posix
def test_several_names_of_one_interpreter_are_one(tmp_path: Path) -> None:
    for name in ("python", "python3", "python3.6"):
        link(tmp_path / name)
    assert len(find(tmp_path).found) == 1


@posix
def test_every_folder_on_the_path_is_looked_into(tmp_path: Path) -> None:
    script(tmp_path / "a" / "python3", "exit 1")
    link(tmp_path / "b" / "python3")
    answer = find(tmp_path / "a", tmp_path / "b")
    assert len(answer.found) == 1
    assert [Path(path) for path, _ in answer.silent] == [tmp_path / "a" / "python3"]


@posix
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("exec sleep 30", "did not answer within 0.5 s and was ended", id="hangs"),
        pytest.param("echo hello", "gave no version, saying: hello", id="prints rubbish"),
        pytest.param(
            "echo interpreter 3.6.x 64 2f 2f", "gave no version, saying: interpreter 3.6.x 64 2f 2f", id="half"
        ),
        pytest.param("true", "gave no version and no word", id="says nothing"),
        pytest.param("echo broken >&2; exit 7", "ended with status 7, saying: broken", id="fails"),
    ],
)
def test_one_that_gives_no_answer_is_silent(tmp_path: Path, text: str, reason: str) -> None:
    path = script(tmp_path / "python3", text)
    seconds = 0.5 if "sleep" in text else 30  # a slow machine takes its time to print
    answer = find_interpreters(environment={"PATH": f"{tmp_path}:/usr/bin:/bin"}, timeout_seconds=seconds)
    assert (str(path), reason) in answer.silent


@posix
def test_they_are_waited_for_together(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    for name in ("python", "python2", "python3", "python3.4"):
        meet = f"PATH=/usr/bin:/bin; cd '{begun}'; : > {name}; until [ $(ls | wc -l) -ge 4 ]; do sleep 0.02; done"
        script(tmp_path / name, f"{meet}; echo met")
    reasons = {reason for _, reason in find(tmp_path, seconds=60).silent}
    assert reasons == {"gave no version, saying: met"}  # one that came after another had ended would wait for ever


@posix
def test_a_file_that_cannot_be_run_is_passed_over(tmp_path: Path) -> None:
    script(tmp_path / "python3", "echo").chmod(0o644)
    assert find(tmp_path) == Interpreters(found=(), silent=())


@posix
def test_a_relative_folder_on_the_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "python3", "echo planted > planted")
    monkeypatch.chdir(tmp_path)
    assert find(Path()) == Interpreters(found=(), silent=())
    assert not (tmp_path / "planted").exists()


@posix
def test_pyenv_and_virtual_environments_are_looked_into(tmp_path: Path) -> None:
    home, site = tmp_path / "home", tmp_path / "web" / "qatrackplus"
    site.mkdir(parents=True)
    for folder in (
        home / ".pyenv" / "versions" / "3.6.15",
        tmp_path / "web" / "venvs" / "qatrack3",
        home / "venvs" / "q",
    ):
        script(folder / "bin" / "python", f"echo interpreter 3.6.15 64 {str(folder).encode().hex()} 2f")
    answer = find_interpreters(environment={"PATH": "", "HOME": str(home)}, site=site)
    assert sorted(one.found for one in answer.found) == ["pyenv", "virtual environment", "virtual environment"]
    assert {one.version for one in answer.found} == {Version("3.6.15")}


@posix
def test_a_named_pyenv_root_is_looked_into(tmp_path: Path) -> None:
    script(tmp_path / "versions" / "x" / "bin" / "python", "echo interpreter 3.5.0 32 - 2f")
    answer = find(PYENV_ROOT=str(tmp_path))
    assert [(one.version, one.bits, one.path) for one in answer.found] == [
        (Version("3.5.0"), 32, tmp_path / "versions" / "x" / "bin" / "python")
    ]


@posix
def test_the_newest_comes_first(tmp_path: Path) -> None:
    for name, version in (("python3.4", "3.4.10"), ("python3", "3.12.0rc1"), ("python2", "2.7.18")):
        script(tmp_path / name, f"echo interpreter {version} 64 {name.encode().hex()} 2f")
    assert [str(one.version) for one in find(tmp_path).found] == ["3.12.0rc1", "3.4.10", "2.7.18"]


def test_a_virtual_environment_is_another_interpreter_than_its_base(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venvs" / "q"], check=True)
    answer = find_interpreters(Path(sys.executable), environment={"PATH": ""}, site=tmp_path / "site")
    assert [one.found for one in answer.found].count("virtual environment") == 1
    assert len(answer.found) == 2


@pytest.mark.interpreters
def test_python_2_and_3_6_answer() -> None:
    answer = find_interpreters()
    lines = {one.version.release[:2] for one in answer.found}
    if not {(2, 7), (3, 6)} <= lines:
        pytest.skip("needs Python 2.7 and 3.6")
    assert all(one.path.is_file() for one in answer.found)


def test_the_launchers_list_is_read() -> None:
    text = (
        " -V:3.12 *        C:\\Python312\\python.exe\n"
        " -V:3.6           C:\\Program Files\\Python36\\python.exe\n"
        " -2.7-64        C:\\Python27\\python.exe\n"
        "Installed Pythons found by py launcher\n"
    )
    assert [str(path) for path in parse_launcher_list(text)] == [
        "C:\\Python312\\python.exe",
        "C:\\Program Files\\Python36\\python.exe",
        "C:\\Python27\\python.exe",
    ]


def test_a_launcher_without_pythons_lists_none() -> None:
    assert parse_launcher_list("No installed Pythons found!\n") == ()


@pytest.mark.parametrize(
    ("line", "path"),
    [
        pytest.param(
            " -3.7-64        C:\\Python37\\python.exe *", "C:\\Python37\\python.exe", id="3.7, the star behind"
        ),
        pytest.param(
            " -V:3.6-32         C:\\Program Files (x86)\\Python36-32\\python.exe",
            "C:\\Program Files (x86)\\Python36-32\\python.exe",
            id="3.11, 32 bits",
        ),
        pytest.param(
            "  *               D:\\venv\\Scripts\\python.exe", "D:\\venv\\Scripts\\python.exe", id="the active one"
        ),
        pytest.param(" -V:3.13[-64] *  C:/Python/python.exe", "C:/Python/python.exe", id="the manager of 2025"),
        pytest.param(
            " -V:ContinuumAnalytics/py36-64 C:\\conda\\python.exe", "C:\\conda\\python.exe", id="another company's"
        ),
    ],
)
def test_lines_of_every_launcher_are_read(line: str, path: str) -> None:
    assert [str(found) for found in parse_launcher_list(line)] == [str(Path(path))]


@pytest.mark.parametrize(
    "line",
    [
        "Requested Python version (0p) not installed, use -0 for available pythons",
        "  -V:3.12 *",
        "Python Launcher for Windows Version 3.6.8",
    ],
)
def test_what_a_launcher_says_besides_is_no_path(line: str) -> None:
    assert parse_launcher_list(line) == ()


def said(path: Path, version: str, more: str = "") -> str:
    folder = path.parent.parent
    return f"echo interpreter {version} 64 {str(path).encode().hex()} {str(folder).encode().hex()}{more}"


@posix
def test_what_a_python_lacks_and_where_it_is_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a" / "bin" / "python3"
    script(path, said(path, "3.6.15", " 1 venv,ssl"))
    (one,) = find(path.parent).found
    assert (one.prefix, one.is_environment, one.lacks) == (tmp_path / "a", True, ("venv", "ssl"))


@posix
@pytest.mark.parametrize(
    ("more", "sqlite"), [(" 0 - 3.21.0", Version("3.21.0")), (" 0 - -", None), (" 0 - 3.x", None), (" 0 -", None)]
)
def test_the_sqlite_of_a_python_is_read_where_it_says_one(tmp_path: Path, more: str, sqlite: Version | None) -> None:
    path = script(tmp_path / "bin" / "python3", "true")
    script(path, said(path, "3.6.15", more))
    (one,) = find(path.parent).found
    assert one.sqlite == sqlite


@posix
@pytest.mark.parametrize("more", ["", " 0 -"])
def test_one_that_lacks_nothing_lacks_nothing(tmp_path: Path, more: str) -> None:
    path = script(tmp_path / "bin" / "python3", "true")
    script(path, said(path, "3.6.15", more))
    (one,) = find(path.parent).found
    assert (one.is_environment, one.lacks) == (False, ())


@posix
def test_what_a_command_starts_is_the_first_on_the_path(tmp_path: Path) -> None:
    for name, version in (("a", "2.7.18"), ("b", "3.6.15")):
        path = tmp_path / name / "bin" / "python"
        script(path, said(path, version, " 0 -"))
    script(tmp_path / "silent" / "python", "exit 1")
    answer = find(tmp_path / "silent", tmp_path / "a" / "bin", tmp_path / "b" / "bin")
    assert [(word, str(one.version)) for word, one in answer.commands] == [("python", "2.7.18")]


@posix
def test_the_environment_that_runs_this_is_no_answer_to_a_command(tmp_path: Path) -> None:
    prefix = sys.prefix.encode().hex()
    for folder, inside in (("own", 1), ("other", 0)):
        script(tmp_path / folder / "python3", f"echo interpreter 3.11.{inside} 64 - {prefix} {inside} -")
    answer = find(tmp_path / "own", tmp_path / "other")
    assert [(word, str(one.version)) for word, one in answer.commands] == [("python3", "3.11.0")]


@posix
def test_environments_that_are_known_are_asked(tmp_path: Path) -> None:
    path = tmp_path / "q" / "bin" / "python"
    script(path, said(path, "2.7.18", " 1 -"))
    answer = find_interpreters(environment={"PATH": ""}, environments=[tmp_path / "q", tmp_path / "gone"])
    assert [(str(one.version), one.found) for one in answer.found] == [("2.7.18", "virtual environment")]


@posix
@pytest.mark.parametrize("name", ["PYENV", "PYENV_HOME"])
def test_the_folder_of_pyenv_for_windows_is_looked_into(tmp_path: Path, name: str) -> None:
    script(tmp_path / "versions" / "3.6.8" / "python.exe", "echo interpreter 3.6.8 64 - 2f")
    assert [str(one.version) for one in find(seconds=20, **{name: str(tmp_path)}).found] == ["3.6.8"]


@posix
def test_a_launcher_too_old_for_a_list_is_asked_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(
        tmp_path / "py",
        'case "$1" in -3.6) echo interpreter 3.6.8 64 2f61 2f62 0 -;; *) echo "no $1 here"; exit 103;; esac',
    )
    answered = interpreters._of_launcher({"PATH": str(tmp_path)}, 5)
    asked = [interpreters._ask_one(one, {"PATH": f"{tmp_path}:/bin"}, 5) for one in answered]
    assert [str(one.interpreter.version) for one in asked if not isinstance(one, Unobserved)] == ["3.6.8"]
    monkeypatch.setattr(interpreters, "_LAUNCHER_WORDS", ())
    assert list(interpreters._of_launcher({"PATH": str(tmp_path)}, 5)) == []
    assert list(interpreters._of_launcher({"PATH": str(tmp_path / "gone")}, 5)) == []


@pytest.mark.interpreters
@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.13.0"])
def test_real_ones_say_what_they_are(version: str) -> None:
    path = Path.home() / ".pyenv" / "versions" / version / "bin" / "python"
    if not path.is_file():
        pytest.skip(f"needs Python {version} in pyenv")
    (one,) = find_interpreters(path, environment={"PATH": ""}).found
    assert (one.version, one.prefix, one.is_environment, one.lacks) == (Version(version), path.parent.parent, False, ())
