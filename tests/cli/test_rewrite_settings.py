"""``upgrade-kit rewrite-settings``, from the command line to the file and back."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.interrupts import Line, interrupt_at, interrupted_runs
from upgrade_kit.cli import rewrite_settings
from upgrade_kit.cli.main import main
from upgrade_kit.cli.rewrite_settings import told_where_it_stands
from upgrade_kit.deployment import settings_file
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.deployment.settings_file import read_settings_file, write_settings_file
from upgrade_kit.planning.graph import VersionGraph

SECRET = "Zq7-geheim"
OLD = f"""import os
TEMPLATE_DEBUG = False
DATABASES = {{
    'default': {{
        'ENGINE': 'sqlserver_ado',
        'NAME': 'qatrackplus',
        'PASSWORD': '{SECRET}',  # until May: {SECRET}
        'OPTIONS': {{
            'provider': 'sqlncli11',
        }},
    }}
}}
# 'PASSWORD': '{SECRET}-of-old',
MIDDLEWARE_CLASSES = ()
""".replace("\n", "\r\n").encode()


def site_of(folder: Path, version: str, raw: bytes = OLD) -> Path:
    site = folder / "qatrackplus"
    build_sample_site(site, VersionGraph.load().resolve(version))
    (site / "qatrack" / "local_settings.py").write_bytes(raw)
    return site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose code is 0.3.0 and whose settings are those of before."""
    return site_of(tmp_path, "0.3.0")


def local(site: Path) -> Path:
    return site / "qatrack" / "local_settings.py"


def test_first_the_difference_is_shown_and_nothing_is_written(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite-settings", str(site)]) == 1

    shown = capsys.readouterr().out
    assert "-        'ENGINE': 'sqlserver_ado'" in shown
    assert "+        'ENGINE': 'sql_server.pyodbc'" in shown
    assert "qatrack/local_settings.py:14  MIDDLEWARE_CLASSES" in shown
    assert "Nothing is written yet." in shown
    assert "--apply" in shown
    assert local(site).read_bytes() == OLD


@pytest.mark.parametrize("arguments", [[], ["--format", "json"], ["-v"], ["-q"], ["--apply"]])
def test_no_password_is_ever_shown(site: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    main(["rewrite-settings", str(site), *arguments])

    told = capsys.readouterr()
    assert "Zq7" not in told.out + told.err
    assert "geheim" not in told.out + told.err


def test_apply_writes_what_was_shown_and_undo_takes_it_back(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite-settings", str(site), "--apply"]) == 0
    told = capsys.readouterr().out
    copy = site / "qatrack" / "local_settings.py.before-0.3.0"
    assert f"--undo {copy}" in told
    assert copy.read_bytes() == OLD
    assert b"'ENGINE': 'sql_server.pyodbc',\r\n" in local(site).read_bytes()

    assert main(["rewrite-settings", str(site), "--apply"]) == 1  # what a person must look at is still there
    assert not copy.with_name(f"{copy.name}.2").exists()

    assert main(["rewrite-settings", "--undo", str(copy)]) == 0
    assert local(site).read_bytes() == OLD


def test_a_file_that_0_3_0_reads_as_it_is_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = (
        b"DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'x'}}\n"
        b"# USE_SERVICE_LOG USE_PARTS TESTPACK_TIMEOUT AD_CLEAN_USERNAME\n"
    )
    site = site_of(tmp_path, "0.3.0", done)

    for arguments in ([], ["--apply"]):
        assert main(["rewrite-settings", str(site), *arguments]) == 0
        assert "nothing to rewrite" in capsys.readouterr().out
    assert local(site).read_bytes() == done
    assert [file.name for file in (site / "qatrack").glob("local_settings*")] == ["local_settings.py"]


def test_the_json_tells_it_all(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite-settings", str(site), "--format", "json"]) == 1

    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert document["command"] == "rewrite-settings"
    assert document["site"] == {"root": str(site), "version": "0.3.0", "from": "0.2.8", "to": "0.3.0"}
    assert document["file"] == "qatrack/local_settings.py"
    assert document["outcome"] == "rewrite"
    assert document["before_sha256"] == hashlib.sha256(OLD).hexdigest()
    assert (document["applied"], document["backup"]) == (False, None)
    assert document["edits"][0] == {
        "line": 2,
        "column": 1,
        "name": "TEMPLATE_DEBUG",
        "before": "TEMPLATE_DEBUG",
        "after": "TEMPLATE_DBG",
        "why": document["edits"][0]["why"],
        "source": "qatrack/settings.py (v0.3.0), TEMPLATE_DBG",
    }
    assert [(one["name"], one["where"]) for one in document["left"]] == [
        ("MIDDLEWARE_CLASSES", "qatrack/local_settings.py:14")
    ]
    assert "'PASSWORD': '...',  # until May: ..." in document["diff"]
    before = document["after_sha256"]

    assert main(["rewrite-settings", str(site), "--format", "json", "--apply"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["applied"] is True
    assert document["backup"] == str(site / "qatrack" / "local_settings.py.before-0.3.0")
    assert before == document["after_sha256"] == hashlib.sha256(local(site).read_bytes()).hexdigest()


def test_while_the_older_code_is_checked_out_nothing_is_written_unless_early(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(tmp_path, "0.2.9.1")

    assert main(["rewrite-settings", str(site)]) == 1
    assert "Not yet: the code of 0.2.9.1 is checked out" in capsys.readouterr().out
    assert main(["rewrite-settings", str(site), "--apply"]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert "--early" in told.err
    assert local(site).read_bytes() == OLD

    assert main(["rewrite-settings", str(site), "--apply", "--early"]) == 0
    assert b"sql_server.pyodbc" in local(site).read_bytes()


def test_only_and_exclude_choose_and_the_next_command_repeats_them(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rewrite-settings", str(site), "--only", "ENGINE", "--only", "OPTIONS", "--exclude", "OPTIONS"]) == 1
    shown = capsys.readouterr().out
    assert "1 changes" not in shown
    assert "1 change for 0.3.0" in shown
    assert f"{site} --only ENGINE --only OPTIONS --exclude OPTIONS --apply" in shown

    assert main(["rewrite-settings", str(site), "--only", "PASSWORD"]) == 2
    assert "no change goes by this name" in capsys.readouterr().err


def test_a_file_beside_manage_py_is_told_to_be_moved(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    local(site).rename(site / "local_settings.py")

    assert main(["rewrite-settings", str(site)]) == 1

    assert "reads qatrack/local_settings.py alone" in " ".join(capsys.readouterr().out.split())


def test_an_import_of_the_same_folder_gets_its_dot(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "qatrack" / "site_database.py").write_text("X = 1\n", encoding="utf-8")
    local(site).write_bytes(b"from site_database import *\nfrom os import *\nimport django\n")

    assert main(["rewrite-settings", str(site), "--only", "imports", "--apply"]) == 0

    assert local(site).read_bytes() == b"from .site_database import *\nfrom os import *\nimport django\n"


def test_an_engine_that_stands_in_another_file_is_told_with_its_place(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "qatrack" / "site_database.py").write_bytes(OLD)
    local(site).write_bytes(b"from .site_database import *\n")

    main(["rewrite-settings", str(site), "--format", "json"])

    left = json.loads(capsys.readouterr().out)["left"]
    assert [one["name"] for one in left] == ["ENGINE"]
    assert "qatrack/site_database.py:3" in left[0]["reason"]


@pytest.mark.parametrize(
    ("raw", "status", "said"),
    [
        pytest.param(b"DATABASES = {\n", 3, "neither Python 2 nor 3 can parse it", id="no Python"),
        pytest.param(b"X = 1\0\n", 3, "null", id="a NUL"),
        pytest.param(b"print >>open('x'), 1\n", 1, "only Python 2 can run it", id="Python 2 that is not converted"),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--apply"]])
def test_what_cannot_be_rewritten_is_said_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], raw: bytes, status: int, said: str, arguments: list[str]
) -> None:
    site = site_of(tmp_path, "0.3.0", raw)

    assert main(["rewrite-settings", str(site), *arguments]) == status

    assert said in " ".join(capsys.readouterr().out.split())
    assert local(site).read_bytes() == raw


@pytest.mark.parametrize(
    "raw",
    [b"\xff\xfeX\x00", b"X = '\xe9'\n", b"#" * 10_000_000],
    ids=["UTF-16", "bytes that are not UTF-8", "ten megabytes"],
)
def test_what_cannot_be_read_is_one_line_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], raw: bytes
) -> None:
    site = site_of(tmp_path, "0.3.0", raw)

    assert main(["rewrite-settings", str(site)]) == 3

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1


def test_a_site_without_the_file_or_no_site_at_all_is_said(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local(site).unlink()
    assert main(["rewrite-settings", str(site)]) == 3
    assert "there is no local_settings.py" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["rewrite-settings", str(empty)]) == 3
    assert main(["rewrite-settings", str(site), "--to", "9.9"]) == 2
    assert main(["rewrite-settings", "--undo", str(local(site))]) == 2
    assert main(["rewrite-settings", "--undo", str(site / "none.before-0.3.0")]) == 3


def test_the_settings_are_never_run(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    site = site_of(tmp_path, "0.3.0", f"open({str(trap)!r}, 'w')\n".encode())

    main(["rewrite-settings", str(site), "--apply"])

    assert not trap.exists()


def test_the_answer_may_go_to_a_file_which_a_later_answer_replaces(site: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    for _ in range(2):
        assert main(["rewrite-settings", str(site), "--format", "json", "--output", str(answer)]) == 1
    assert json.loads(answer.read_text(encoding="utf-8"))["command"] == "rewrite-settings"
    text = tmp_path / "answer.txt"
    assert main(["rewrite-settings", str(site), "--output", str(text)]) == 1
    assert "\x1b" not in text.read_text(encoding="utf-8")


def test_undo_tells_it_as_json_too(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rewrite-settings", str(site), "--apply", "-q"])
    capsys.readouterr()
    copy = str(site / "qatrack" / "local_settings.py.before-0.3.0")

    for written in (True, False):
        assert main(["rewrite-settings", "--undo", copy, "--format", "json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["undone"], document["written"]) == (True, written)
    assert local(site).read_bytes() == OLD


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
def test_a_file_marked_read_only_is_a_clear_error(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    local(site).chmod(0o444)

    assert main(["rewrite-settings", str(site), "--apply"]) == 3

    assert "read-only" in capsys.readouterr().err
    assert local(site).read_bytes() == OLD


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_apply_that_is_interrupted_tells_the_way_back_where_the_file_may_be_written(tmp_path: Path) -> None:
    def prepare(folder: Path) -> None:
        (folder / "local_settings.py").write_bytes(OLD)

    def apply(folder: Path) -> None:
        file = read_settings_file(folder / "local_settings.py")
        with told_where_it_stands(file.path):
            write_settings_file(file, "# new", suffix="before-0.3.0")

    wrong, written = {}, 0
    modules = (rewrite_settings, settings_file)
    for line, folder, message in interrupted_runs(modules, tmp_path, prepare, apply, at_least=60):
        path = folder / "local_settings.py"
        is_new = path.read_bytes() != OLD
        written += is_new
        if is_new != (f"rewrite-settings --undo {path}.before-0.3.0" in message):
            wrong[line] = message
    assert not wrong
    assert written > 3


def test_an_apply_that_is_interrupted_before_it_is_told_ends_with_the_way_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(tmp_path, "0.3.0")
    emit = rewrite_settings._emit.__code__

    with interrupt_at(Line(emit.co_filename, emit.co_firstlineno + 1, 1)):
        if main(["rewrite-settings", str(site), "--apply"]) == 130:
            raise KeyboardInterrupt

    assert "rewrite-settings --undo" in capsys.readouterr().err
