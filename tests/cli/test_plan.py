"""``upgrade-kit plan`` as it is typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.report.powershell import mistakes
from upgrade_kit.cli.main import main
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.planning.graph import VersionGraph


def sample(folder: Path, version: str = "0.2.8") -> Path:
    build_sample_site(folder, VersionGraph.load().resolve(version))
    return folder


def url(file: Path) -> str:
    return f"sqlite:///{file.as_posix()}"


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["plan", *arguments, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found: dict[str, object] = json.loads(out)
    return found


@pytest.mark.parametrize("version", ["0.2.8", "0.2.9.1"])
def test_the_plan_is_of_the_site_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    site = sample(tmp_path / "O'Brien & co" / "qatrack plus", version)
    plan = document(capsys, str(site))
    assert plan["site"] == {
        "folder": str(site),
        "database": f"sqlite:///{(site / 'db' / 'default.db').as_posix()}".replace(" ", "%20")
        .replace("'", "%27")
        .replace("&", "%26"),
        "system": plan["site"]["system"],  # type: ignore[index]
    }
    assert plan["work"] == f"{site}-upgrade"
    assert plan["path"] == [str(one) for one in VersionGraph.load().path(version, "0.3.0").versions]
    assert "--database" not in json.dumps(plan["steps"])


def test_a_site_at_the_target_has_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = sample(tmp_path / "q", "0.3.0")
    assert main(["plan", str(site)]) == 0
    assert capsys.readouterr().out.startswith("Nothing to do")


@pytest.mark.parametrize("target", ["0.2.9.1", "0.3.0"])
def test_the_path_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str) -> None:
    site = sample(tmp_path / "q")
    assert document(capsys, str(site), "--from", "0.2.8", "--to", target)["path"][-1] == target  # type: ignore[index]


def test_a_database_that_the_settings_do_not_lead_to_is_named_in_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = sample(tmp_path / "q")
    other = sample(tmp_path / "other") / "db" / "default.db"
    told = document(capsys, str(site), "--database", url(other))
    assert f'"--database", "{url(other)}"' in json.dumps(told["steps"])
    same = document(capsys, str(site), "--database", url(site / "db" / "default.db"))
    assert "--database" not in json.dumps(same["steps"])


def test_nothing_is_written_by_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = sample(tmp_path / "q")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for form in ("table", "json", "markdown", "powershell", "bash"):
        assert main(["plan", str(site), "--format", form]) == 0
    capsys.readouterr()
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_a_bash_script_is_utf_8_without_a_mark_and_bash_reads_it(tmp_path: Path) -> None:
    site = sample(tmp_path / "caf\u00e9")
    script = tmp_path / "plan.sh"
    assert main(["plan", str(site), "--format", "bash", "--output", str(script)]) == 0
    assert script.read_bytes().startswith(b"#!/usr/bin/env bash\n")
    assert str(site) in script.read_text(encoding="utf-8")
    bash = shutil.which("bash")
    assert bash is None or subprocess.run([bash, "-n", str(script)], check=False).returncode == 0


def test_a_powershell_script_has_the_mark_that_windows_powershell_needs(tmp_path: Path) -> None:
    site = sample(tmp_path / "caf\u00e9")
    script = tmp_path / "plan.ps1"
    assert main(["plan", str(site), "--format", "powershell", "--output", str(script)]) == 0
    assert script.read_bytes().startswith(b"\xef\xbb\xbf# Upgrade of QATrack+")
    assert mistakes(script.read_text(encoding="utf-8-sig")) == []


def test_a_script_on_standard_output_has_no_mark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(sample(tmp_path / "q")), "--format", "powershell"]) == 0
    assert capsys.readouterr().out.startswith("# Upgrade of QATrack+")


def test_an_answer_replaces_no_file_but_an_earlier_answer_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = sample(tmp_path / "q")
    target = tmp_path / "plan.json"
    for _ in range(2):
        assert main(["plan", str(site), "--format", "json", "--output", str(target)]) == 0
    target.write_text("mine", encoding="utf-8")
    assert main(["plan", str(site), "--format", "json", "--output", str(target)]) == 2
    assert target.read_text(encoding="utf-8") == "mine"
    capsys.readouterr()


def test_the_interpreters_and_the_folder_that_the_user_names_stand_in_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = sample(tmp_path / "q")
    inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    old, new = tmp_path.joinpath("old", *inside), tmp_path / "py36" / "bin" / "python3.6"
    asked = ["--site-python", str(old), "--python", str(new), "--to-dir", str(tmp_path / "kept"), "--remote", "/git/q"]
    plan = document(capsys, str(site), *asked)
    steps = json.dumps(plan["steps"])
    assert plan["work"] == str(tmp_path / "kept")
    for word in (str(old), str(new), "/git/q"):
        assert json.dumps(word) in steps
    assert "github.com" not in json.dumps([step["actions"] for step in plan["steps"]])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        pytest.param(["--to-dir", "{site}/backups"], 2, "inside the checkout", id="a work folder inside the checkout"),
        pytest.param(["--from", "0.2.7"], 2, "do not know version 0.2.7", id="an unknown version"),
        pytest.param(["--to", "9"], 2, "do not know version 9", id="an unknown target"),
        pytest.param(["--format", "bash", "--system", "windows"], 2, "is for Linux", id="a script of the other system"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, told: str
) -> None:
    site = sample(tmp_path / "q")
    assert main(["plan", str(site), *(word.format(site=site) for word in arguments)]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


def test_a_version_that_cannot_be_known_ends_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(tmp_path)]) == 3
    assert "--from" in capsys.readouterr().err


def test_a_password_is_in_no_form_of_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPGRADE_KIT_PASSWORD", "geheim")
    site = sample(tmp_path / "q")
    asked = ["--database", "postgresql://q:offen@127.0.0.1:1/qatrack", "--from", "0.2.8"]
    for form in ("table", "json", "markdown", "powershell", "bash"):
        assert main(["plan", str(site), *asked, "--format", form]) == 0
        out, err = capsys.readouterr()
        assert "geheim" not in out + err
        assert "offen" not in out + err
        assert "UPGRADE_KIT_PASSWORD" in out or form in {"json", "markdown"}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("0.2.8-sqlite", "bash"),
        ("0.2.9.1-postgresql", "json"),
        ("0.2.9.1-sqlserver", "powershell"),
        ("0.3.0-sqlite", "powershell"),
    ],
)
def test_every_sample_site_has_a_plan(fixtures: Path, capsys: pytest.CaptureFixture[str], name: str, form: str) -> None:
    site = fixtures / "sites" / name
    assert main(["plan", str(site), "--from", name.split("-", maxsplit=1)[0], "--format", form]) == 0
    out = capsys.readouterr().out
    assert str(site) in out.replace("\\\\", "\\")
    if form == "powershell":
        assert mistakes(out) == []


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "steps"),
    [
        ("0.2.8.sqlite3", True),
        ("0.2.9.1.sqlite3", True),
        ("0.3.0.sqlite3", False),
        ("0.3.0-clean.sqlite3", False),
        ("0.3.0.20.sqlite3", False),
    ],
)
def test_every_real_database_has_a_plan(
    real: Path, capsys: pytest.CaptureFixture[str], file: str, *, steps: bool
) -> None:
    plan = document(capsys, "--database", url(real / file))
    assert bool(plan["steps"]) is steps
    assert any("No site folder" in question for question in plan["open_questions"])  # type: ignore[attr-defined]


@pytest.mark.real
@pytest.mark.parametrize("file", ["skipped-0.2.9", "stopped-at-qa-0013", "stopped-by-orphan"])
def test_a_database_that_is_not_whole_has_no_plan(real: Path, capsys: pytest.CaptureFixture[str], file: str) -> None:
    assert main(["plan", "--database", url(real / "traps" / f"{file}.sqlite3")]) == 3
    assert "preflight" in capsys.readouterr().err


def test_a_python_named_from_here_is_named_for_commands_that_run_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sample(tmp_path / "q", "0.2.9.1")
    (tmp_path / "python3.6").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    steps = json.dumps(document(capsys, str(site), "--python", "python3.6")["steps"])
    assert json.dumps(str(tmp_path / "python3.6")) in steps
    assert '"--python", "python3.6"' not in steps
    assert json.dumps(str(Path("C:/Python36/python.exe")))[1:-1] in json.dumps(
        document(capsys, str(site), "--python", "C:/Python36/python.exe")
    )
