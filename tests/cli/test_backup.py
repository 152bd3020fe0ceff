from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.interrupts import interrupted_runs
from upgrade_kit.backup import restore
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.main import main
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.planning.graph import VersionGraph


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small database in the current folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my db.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE qa_test (id INTEGER PRIMARY KEY, calculation_procedure TEXT)")
        connection.execute("INSERT INTO qa_test VALUES (1, 'x = 1')")
    return file


@pytest.fixture
def manifest(database: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The manifest of a backup of that database."""
    assert main(["backup", "--database", f"sqlite:///{database.name}"]) == Exit.DONE
    capsys.readouterr()
    (found,) = (database.parent / "upgrade-kit-backups").glob("*.manifest.json")
    return found


def test_without_options_the_backup_goes_to_a_folder_beside(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "--database", f"sqlite:///{database.name}"]) == Exit.DONE
    assert len(list((database.parent / "upgrade-kit-backups").iterdir())) == 2
    assert "Backup made and verified" in capsys.readouterr().out


def test_to_dir_names_another_folder(database: Path, tmp_path: Path) -> None:
    assert main(["backup", "--database", f"sqlite:///{database.name}", "--to-dir", "a/b"]) == Exit.DONE
    assert len(list((tmp_path / "a" / "b").iterdir())) == 2


def test_json_is_the_manifest_as_written(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["backup", "--database", f"sqlite:///{database.name}", "--format", "json"])
    (manifest,) = (database.parent / "upgrade-kit-backups").glob("*manifest*")
    assert capsys.readouterr().out == manifest.read_text(encoding="utf-8")


def test_off_a_terminal_nothing_is_on_standard_error(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["backup", "--database", f"sqlite:///{database.name}"])
    assert capsys.readouterr().err == ""


def test_the_restore_command_that_is_shown_works_as_shown(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["backup", "--database", f"sqlite:///{database.name}"])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "backup restore" in line)
    database.unlink()
    assert main(shlex.split(line, posix=os.name != "nt")[1:]) == Exit.DONE
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT * FROM qa_test").fetchall() == [(1, "x = 1")]


def test_verify_proves_and_says_so(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "verify", str(manifest)]) == Exit.DONE
    assert "integrity check" in capsys.readouterr().out


def test_verify_takes_a_relative_path(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "verify", f"upgrade-kit-backups/{manifest.name}", "--format", "json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["verified_at"]


def test_an_altered_backup_is_exit_status_3(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file,) = manifest.parent.glob("*.sqlite3")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert main(["backup", "verify", str(manifest)]) == Exit.FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "SHA-256" in captured.err
    assert len(captured.err.splitlines()) == 1


def test_restore_without_replace_leaves_data_alone(
    manifest: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = database.read_bytes()
    url = f"sqlite:///{database.name}"
    assert main(["backup", "restore", str(manifest), "--database", url]) == Exit.FAILED
    assert "--replace" in capsys.readouterr().err
    assert database.read_bytes() == before


def test_restore_with_replace_tells_the_kept_name(
    manifest: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{database.name}"
    assert main(["backup", "restore", str(manifest), "--database", url, "--replace"]) == Exit.DONE
    (kept,) = database.parent.glob("*.before-restore-*")
    assert kept.name.rpartition("-")[2] in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["verify"], id="verify without a manifest"),
        pytest.param(["restore"], id="restore without a manifest"),
        pytest.param(["restore", "x.manifest.json"], id="restore without a target"),
        pytest.param(["--replace", "--database", "sqlite:///x"], id="replace without restore"),
        pytest.param(["one", "two"], id="two sites"),
        pytest.param(["verify", "one", "two"], id="two manifests"),
        pytest.param(["list", "--replace"], id="replace with list"),
        pytest.param(["--uploads-to", "x", "--database", "sqlite:///x"], id="uploads-to without restore"),
        pytest.param(["--database", "nonsense"], id="no URL"),
        pytest.param(["--method", "tape"], id="no method"),
    ],
)
def test_a_wrong_command_line_is_exit_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["backup", *arguments]) == Exit.USAGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--database", "sqlite:///gone.sqlite3"], id="no such database"),
        pytest.param(["--database", "postgresql://u:hunter2@nowhere.invalid/x"], id="another vendor"),
        pytest.param(["gone"], id="no such site"),
        pytest.param(["."], id="a folder that is no site"),
        pytest.param(["verify", "gone.manifest.json"], id="no such manifest"),
    ],
)
def test_what_cannot_be_done_is_exit_status_3_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["backup", *arguments]) == Exit.FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("upgrade-kit: ")
    assert "hunter2" not in captured.err
    assert list(tmp_path.iterdir()) == []


# --- uploads -----------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample site, in the current folder."""
    monkeypatch.chdir(tmp_path)
    build_sample_site(tmp_path / "qatrackplus", VersionGraph.load().resolve("0.2.9.1"))
    return tmp_path / "qatrackplus"


def made_in(folder: Path) -> list[str]:
    return sorted("".join(path.suffixes[-2:]) for path in (folder / "upgrade-kit-backups").iterdir())


def test_the_uploads_of_a_site_go_with_its_database(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "qatrackplus"]) == Exit.DONE
    assert any(name.endswith(".zip") for name in made_in(site.parent))
    out = capsys.readouterr().out
    assert "The one uploaded file (12 bytes) was read back" in out
    assert "It holds the database alone" not in out
    assert "--uploads-to" in out


def test_no_uploads_leaves_them_out_and_says_so(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "qatrackplus", "--no-uploads"]) == Exit.DONE
    assert not any(name.endswith(".zip") for name in made_in(site.parent))
    out = capsys.readouterr().out
    assert "not in this backup: --no-uploads was typed" in out
    assert "It holds the database alone" in out


def test_a_site_without_an_uploads_folder_is_backed_up_and_says_so(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(site / "qatrack" / "media")
    assert main(["backup", "qatrackplus", "--format", "json"]) == Exit.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["uploads"] is None
    assert "there is no folder" in document["proof"][-1]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_uploads_that_could_not_be_copied_are_named(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "qatrack" / "media" / "uploads" / "elsewhere").symlink_to("nowhere")
    assert main(["backup", "qatrackplus"]) == Exit.DONE
    out = capsys.readouterr().out
    assert "NOT in the backup" in out
    assert "  elsewhere: a link, not followed\n" in out


def test_uploads_are_unpacked_where_it_is_said(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["backup", "qatrackplus"])
    (manifest,) = (site.parent / "upgrade-kit-backups").glob("*.manifest.json")
    assert main(["backup", "restore", str(manifest), "--uploads-to", "back"]) == Exit.DONE
    assert (site.parent / "back" / "1" / "profile.txt").read_text(encoding="utf-8") == "1 2.5\n2 2.4\n"
    assert "1 uploaded files were unpacked" in capsys.readouterr().out.replace("\n    ", " ")


# --- list --------------------------------------------------------------------------------------------


def test_list_tells_what_there_is(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "list"]) == Exit.DONE
    out = capsys.readouterr().out
    assert out.startswith("1 backup in ")
    assert "standing  current\n" in out
    assert str(manifest) in out


def test_list_in_json(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "list", str(manifest.parent), "--format", "json"]) == Exit.DONE
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["command"]) == (1, "backup list")
    (one,) = document["backups"]
    assert (one["standing"], one["manifest"], one["vendor"]) == ("current", str(manifest), "sqlite")


def test_list_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["backup", "list"]) == Exit.DONE
    assert capsys.readouterr().out.startswith("No backups in ")


def test_list_of_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "list", str(tmp_path / "gone")]) == Exit.FAILED
    assert "no such folder" in capsys.readouterr().err


def test_missing_client_programs_are_one_line(tmp_path: Path, manifest: Path) -> None:
    # An SQLite backup needs none.
    assert main(["backup", "verify", str(manifest), "--client-dir", str(tmp_path)]) == Exit.DONE


class TestADumpWithoutAManifest:
    def test_a_whole_one_is_counted(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        dump = tmp_path / "dump.json"
        dump.write_text('[{"model": "qa.test", "pk": 1, "fields": {}}, {"model": "qa.test", "pk": 1, "fields": {}}]')
        assert main(["backup", "verify", str(dump), "--format", "json"]) == Exit.DONE

        document = json.loads(capsys.readouterr().out)
        assert document["objects"] == {"qa.test": 2}
        assert document["manifest"] is None
        assert any("more than once in qa.test (1)" in note for note in document["notes"])

    def test_one_that_is_cut_off_is_no_backup(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        dump = tmp_path / "dump.json"
        dump.write_text('[{"model": "qa.test", "pk": 1, "fields": {}}')
        assert main(["backup", "verify", str(dump)]) == Exit.FAILED
        assert "cut off after 1 object" in capsys.readouterr().err

    def test_where_it_has_a_manifest_that_is_verified(self, database: Path, capsys: pytest.CaptureFixture[str]) -> None:
        main(["backup", "--database", f"sqlite:///{database.name}", "--method", "json"])
        (manifest,) = (database.parent / "upgrade-kit-backups").glob("*.manifest.json")
        capsys.readouterr()
        dump = manifest.with_name(manifest.name.replace(".manifest.json", ".json"))
        assert main(["backup", "verify", str(dump), "--format", "json"]) == Exit.DONE
        assert json.loads(capsys.readouterr().out)["file"] == dump.name


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # connections, left to be collected
def test_a_restore_that_is_interrupted_says_so_and_tells_what_is_kept(
    manifest: Path, database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(folder: Path) -> None:
        shutil.copy(database, folder / "site.sqlite3")

    def put(folder: Path) -> None:
        url = f"sqlite:///{(folder / 'site.sqlite3').as_posix()}"
        if main(["backup", "restore", str(manifest), "--database", url, "--replace", "-q"]) == Exit.INTERRUPTED:
            raise KeyboardInterrupt(capsys.readouterr().err)

    place = tmp_path / "interrupted"
    place.mkdir()
    wrong, kept_at = {}, 0
    for line, folder, message in interrupted_runs((restore,), place, prepare, put, at_least=25):
        kept = [path.name for path in folder.iterdir() if "before-restore" in path.name]
        kept_at += bool(kept)
        if "is as it was, or holds the whole backup already" not in message or not all(n in message for n in kept):
            wrong[line] = message
    assert not wrong
    assert kept_at > 5


def test_what_a_killed_backup_left_is_told_and_left_alone(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = tmp_path / "to" / "my-db-20261123T161500Z.sqlite3.partial"
    left.parent.mkdir()
    left.touch()

    assert main(["backup", "--database", f"sqlite:///{database.name}", "--to-dir", "to", "-q"]) == Exit.DONE

    assert "my-db-20261123T161500Z.sqlite3.partial was left by a run that was killed" in capsys.readouterr().err
    assert left.exists()


def test_what_a_killed_restore_left_is_told_and_left_alone(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = tmp_path / "new.db.0a1b2c3d.partial"
    left.touch()

    assert main(["backup", "restore", str(manifest), "--database", "sqlite:///new.db", "-q"]) == Exit.DONE

    assert f"{left} was left by a run that was killed" in capsys.readouterr().err
    assert left.exists()


@pytest.mark.parametrize(("word", "meant"), [("verfy", "verify"), ("restor", "restore"), ("lst", "list")])
def test_a_misspelt_form_is_answered_with_what_was_meant(
    capsys: pytest.CaptureFixture[str], word: str, meant: str
) -> None:
    assert main(["backup", word, "b.manifest.json"]) == Exit.USAGE
    assert f"Did you mean {meant}?" in capsys.readouterr().err
