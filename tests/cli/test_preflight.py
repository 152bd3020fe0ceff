from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing, suppress
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.cli import preflight
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import BACKUPS
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.address import parse_database_url
from upgrade_kit.deployment.sample import build_sample_database, build_sample_site
from upgrade_kit.errors import SiteError, UsageError
from upgrade_kit.planning.graph import VersionGraph


class Answer:
    """What one call of the command gave."""

    def __init__(self, exit_: Exit, out: str) -> None:
        self.exit = exit_
        self.out = out

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    def of(self, id_: str) -> dict[str, Any]:
        return next(result for result in self.document["results"] if result["id"] == id_)

    def errors(self) -> list[str]:
        return [
            result["id"]
            for result in self.document["results"]
            if any(finding["severity"] == "error" for finding in result["findings"])
        ]

    def unknown(self) -> list[str]:
        return [result["id"] for result in self.document["results"] if result["result"] == "could_not_run"]


def call(*words: str, environment: dict[str, str] | None = None) -> Answer:
    parser = ArgumentParser()
    preflight.add_arguments(parser)
    out = StringIO()
    settings = {"PATH": "", "LC_ALL": "C.UTF-8", **(environment or {})}  # no interpreter but by name
    streams = Streams(out=out, err=StringIO(), environment=settings)
    return Answer(preflight.run(parser.parse_args(list(words)), streams), out.getvalue())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copied(real: Path, name: str, folder: Path) -> str:
    shutil.copyfile(real / f"{name}.sqlite3", folder / "site.db")
    return "sqlite:///site.db"


def mend(folder: Path) -> None:
    """Type what UK307 says of ``site.db``, after a copy of it, ``copy.db``, is made."""
    hint = call("--database", "sqlite:///site.db", "--format", "json").of("UK307")["findings"][0]["hint"]
    shutil.copyfile(folder / "site.db", folder / "copy.db")
    _, *typed = [line.removeprefix("    ") for line in hint.splitlines() if line.startswith("    ")]
    subprocess.run([sys.executable, "-c", "\n".join(typed)], check=True, cwd=folder)


def definitions(file: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


class TestForeignKeys:
    def test_what_is_to_be_typed_mends_keys_and_leaves_a_table_called_old_its_name(self, folder: Path) -> None:
        build_sample_database(folder / "site.db", VersionGraph.load().resolve("0.3.0"))
        with closing(sqlite3.connect(folder / "site.db")) as connection, connection:
            for name in ("qa_note", "qa_left__old"):
                connection.execute(
                    f'CREATE TABLE "{name}" (id integer PRIMARY KEY, x integer REFERENCES "qa_test__old" ("id"))'
                )
        mend(folder)
        assert call("--database", "sqlite:///copy.db", "--format", "json").of("UK307")["result"] == "passed"
        with closing(sqlite3.connect(folder / "copy.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute('SELECT * FROM "qa_left__old"').fetchall() == []
            assert {key[2] for key in connection.execute("PRAGMA foreign_key_list(qa_note)")} == {"qa_test"}


class TestTimeLimit:
    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that never answers")
    def test_what_takes_longer_could_not_be_looked_at_and_is_no_pass(self, folder: Path) -> None:
        sqlite3.connect(folder / "site.db").close()
        os.mkfifo(folder / "export.txt")
        words = ("--database", "sqlite:///site.db", "--service-export", "export.txt", "--format", "json")
        answer = call(*words, "--only", "UK605", "--time-limit", "0.5")
        assert answer.exit is Exit.FAILED
        assert answer.document["verdict"] == "UNKNOWN"
        assert "--time-limit" in answer.of("UK605")["reason"]

    @pytest.mark.parametrize("words", ["0", "-1", "nan", "inf", "soon"])
    def test_a_limit_that_is_none_is_refused(self, words: str) -> None:
        with pytest.raises(SystemExit):
            call("--database", "sqlite:///nothing.db", "--time-limit", words)


class TestServiceExport:
    def test_a_file_that_is_not_there_is_told_before_the_site_is_looked_at(self) -> None:
        with pytest.raises(UsageError, match=r"there is no gone\.txt"):
            call("--database", "sqlite:///nothing.db", "--service-export", "gone.txt")

    def test_it_is_read_without_a_site(self, real: Path, folder: Path) -> None:
        text = "\nSERVICE_NAME: QATrackCherryPyService\n        STATE : 4  RUNNING\n"
        (folder / "service.txt").write_text(text, encoding="utf-16")
        url = copied(real, "0.2.9.1", folder)
        answer = call("--database", url, "--service-export", "service.txt", "--only", "service", "--format", "json")
        assert answer.of("UK606")["findings"][0]["message"].startswith("QATrackCherryPyService is running")
        assert answer.unknown() == ["UK605"]  # sc.exe qc is not in it


class TestVenv:
    def test_a_name_that_is_nothing_is_told_before_the_site_is_looked_at(self) -> None:
        with pytest.raises(UsageError, match=r"there is no gone"):
            call("--database", "sqlite:///nothing.db", "--venv", "gone")

    def test_one_that_is_named_is_looked_into_without_a_site(self, real: Path, folder: Path) -> None:
        packages = folder / "copied" / "Lib" / "site-packages" / "Django-1.6.11.dist-info"
        packages.mkdir(parents=True)
        (packages / "METADATA").write_text("Name: Django\nVersion: 1.6.11\n", encoding="utf-8")
        (folder / "copied" / "pyvenv.cfg").write_text("version_info = 2.7.18.final.0\n", encoding="utf-8")
        url = copied(real, "0.2.9.1", folder)
        words = ("--database", url, "--only", "UK103", "--only", "UK121", "--format", "json")
        answer = call(*words, "--venv", "copied")
        assert answer.of("UK121")["result"] == "passed"
        assert "copied (Python 2.7.18) is not there" in answer.of("UK103")["findings"][0]["message"]
        assert call(*words).of("UK121")["result"] == "not_applicable"

    def test_one_that_holds_no_environment_is_told_and_no_pass(self, real: Path, folder: Path) -> None:
        (folder / "empty").mkdir()
        url = copied(real, "0.2.9.1", folder)
        answer = call("--database", url, "--only", "UK103", "--venv", "empty", "--format", "json")
        assert answer.unknown() == ["UK103"]
        assert answer.of("UK103")["reason"].startswith("empty, named with --venv, holds no environment")


class TestIis:
    def test_a_name_that_is_nothing_is_told_before_the_site_is_looked_at(self) -> None:
        with pytest.raises(UsageError, match=r"there is no gone\.config"):
            call("--database", "sqlite:///nothing.db", "--iis", "gone.config")

    def test_a_folder_is_searched_and_what_it_holds_is_judged(self, real: Path, folder: Path, fixtures: Path) -> None:
        url = copied(real, "0.2.9.1", folder)
        case = fixtures / "preflight" / "iis" / "UK611-warning-order"
        answer = call("--database", url, "--iis", str(case), "--only", "iis", "--format", "json")
        (finding,) = answer.of("UK611")["findings"]
        assert finding["where"].endswith("web.config:6")
        assert finding["severity"] == "warning"


class TestWithoutADatabase:
    def test_a_file_that_is_not_there_is_unknown_and_no_pass(self) -> None:
        answer = call("--database", "sqlite:///nothing.db", "--format", "json")
        assert answer.exit is Exit.FAILED
        assert answer.document["verdict"] == "UNKNOWN"
        assert answer.document["path"] == []
        assert "UK202" in answer.unknown()

    def test_from_gives_the_path_that_the_database_cannot(self) -> None:
        answer = call("--database", "sqlite:///nothing.db", "--from", "0.2.8", "--format", "json")
        assert answer.document["path"] == ["0.2.8", "0.2.9.1", "0.3.0"]
        assert "UK309" not in answer.unknown()

    def test_an_empty_database_is_told_as_one(self, folder: Path) -> None:
        (folder / "empty.db").touch()
        answer = call("--database", "sqlite:///empty.db", "--format", "json")
        assert answer.exit is Exit.FINDINGS
        assert "it is empty" in answer.of("UK301")["findings"][0]["message"]

    def test_an_unknown_target_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match=r"0\.3\.1"):
            call("--database", "sqlite:///nothing.db", "--to", "0.3.1")

    def test_a_downgrade_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match="downgrade"):
            call("--database", "sqlite:///nothing.db", "--from", "0.3.0", "--to", "0.2.8")

    def test_no_such_folder_is_told(self) -> None:
        with pytest.raises(SiteError, match="nowhere"):
            call("nowhere")

    def test_the_table_goes_to_a_file(self, folder: Path) -> None:
        answer = call("--database", "sqlite:///nothing.db", "--output", "answer.txt")
        assert answer.out == ""
        assert "UNKNOWN" in (folder / "answer.txt").read_text(encoding="utf-8")


@pytest.mark.real
class TestReal:
    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("0.2.8", ["0.2.8", "0.2.9.1", "0.3.0"]),
            ("0.2.9.1", ["0.2.9.1", "0.3.0"]),
            ("0.3.0", ["0.3.0"]),
            ("0.3.0-clean", ["0.3.0"]),
            ("0.3.0.20", ["0.3.0"]),
        ],
    )
    def test_a_good_database_has_a_whole_schema_and_nothing_unknown(
        self, real: Path, folder: Path, name: str, path: list[str]
    ) -> None:
        answer = call("--database", copied(real, name, folder), "--format", "json")
        assert answer.document["path"] == path
        assert answer.unknown() == []
        assert not {"UK301", "UK302", "UK304", "UK305", "UK306", "UK309"} & set(answer.errors())

    @pytest.mark.parametrize(("name", "keys"), [("0.2.9.1", 0), ("0.3.0-clean", 0), ("0.3.0", 49), ("0.3.0.20", 49)])
    def test_dangling_foreign_keys_are_counted(self, real: Path, folder: Path, name: str, keys: int) -> None:
        result = call("--database", copied(real, name, folder), "--format", "json").of("UK307")
        assert (result["result"] == "found") == bool(keys)
        if keys:
            assert result["findings"][0]["message"].startswith(f"{keys} foreign keys of 25 tables")

    def test_what_is_to_be_typed_mends_dangling_foreign_keys(self, real: Path, folder: Path) -> None:
        copied(real, "0.3.0", folder)
        mend(folder)
        mended = call("--database", "sqlite:///copy.db", "--format", "json")
        assert mended.of("UK307")["result"] == "passed"
        with closing(sqlite3.connect(folder / "copy.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            connection.execute("PRAGMA foreign_keys=ON")
            assert connection.execute("UPDATE qa_testinstance SET status_id = status_id").rowcount == 486
        assert definitions(folder / "copy.db") == definitions(real / "0.3.0-clean.sqlite3")

    def test_a_backup_of_the_database_as_it_stands_satisfies(self, real: Path, folder: Path) -> None:
        url = copied(real, "0.2.9.1", folder)
        assert "UK204" in call("--database", url, "--format", "json").errors()
        create_backup(parse_database_url(url, base=folder, password=None), to_dir=folder / "elsewhere", method="auto")
        answer = call("--database", url, "--backup", "elsewhere", "--format", "json")
        assert answer.of("UK204")["result"] == "passed"

    def test_procedures_stop_nothing_before_the_migration_and_do_after_it(self, real: Path, folder: Path) -> None:
        before = call("--database", copied(real, "0.2.9.1", folder), "--format", "json")
        assert before.of("UK491")["findings"][0]["severity"] == "warning"
        after = call("--database", copied(real, "0.3.0", folder), "--format", "json")
        assert after.of("UK491")["findings"][0]["severity"] == "error"

    def test_a_c_locale_is_an_error_before_the_migration(self, real: Path, folder: Path) -> None:
        url = copied(real, "0.2.9.1", folder)
        answer = call("--database", url, "--format", "json", environment={"LC_ALL": "C"})
        if os.name == "posix":
            assert "intensite" in answer.of("UK306")["findings"][0]["message"]

    def test_the_log_is_read(self, real: Path, folder: Path) -> None:
        url = copied(real, "0.3.0", folder)
        answer = call("--database", url, "--log", str(real / "logs" / "migrate-c-locale.log"), "--format", "json")
        messages = [finding["message"] for finding in answer.of("UK505")["findings"]]
        assert any("no list of upload tests" in message for message in messages)
        assert any("could not move" in message for message in messages)


@pytest.mark.real
class TestTraps:
    def test_a_skipped_version_is_told_for_what_it_is(self, real: Path, folder: Path) -> None:
        answer = call("--database", copied(real, "traps/skipped-0.2.9", folder), "--format", "json")
        assert answer.exit is Exit.FINDINGS
        assert answer.errors() == ["UK302"]
        message = answer.of("UK302")["findings"][0]["message"]
        assert "spoilt silently" in message
        assert "qa_test.hidden (53 rows)" in message

    def test_a_migration_that_a_locale_stopped(self, real: Path, folder: Path) -> None:
        answer = call("--database", copied(real, "traps/stopped-at-qa-0013", folder), "--format", "json")
        assert answer.exit is Exit.FINDINGS
        finding = answer.of("UK301")["findings"][0]
        assert "qa.0014_convert_file_uploads" in finding["message"]
        assert "LC_ALL=C.UTF-8" in finding["hint"]

    def test_a_migration_that_an_orphan_stopped(self, real: Path, folder: Path) -> None:
        answer = call("--database", copied(real, "traps/stopped-by-orphan", folder), "--format", "json")
        assert answer.exit is Exit.FINDINGS
        assert "999" in answer.of("UK301")["findings"][0]["hint"]
        assert "999" in answer.of("UK304")["findings"][0]["message"]


class TestSinceTheLastRun:
    """Two runs on one site, with something mended between them."""

    @pytest.fixture
    def url(self, folder: Path) -> str:
        build_sample_database(folder / "site.db", VersionGraph.load().resolve("0.2.9.1"))
        return "sqlite:///site.db"

    @pytest.fixture
    def remembering(self, folder: Path) -> dict[str, str]:
        return {"UPGRADE_KIT_STATE_DIR": str(folder / "state")}

    def test_what_was_mended_is_told_and_the_first_run_has_nothing_to_tell(
        self, url: str, remembering: dict[str, str]
    ) -> None:
        first = call("--database", url, environment=remembering)
        assert "Since the last run" not in first.out
        create_backup(parse_database_url(url, base=Path()), to_dir=Path("backups"), method="auto")
        second = call("--database", url, environment=remembering)
        assert "mended UK204" in second.out
        third = call("--database", url, environment=remembering)
        assert "nothing has changed;" in third.out

    def test_json_and_markdown_tell_it_too(self, url: str, remembering: dict[str, str]) -> None:
        assert call("--database", url, "--format", "json", environment=remembering).document["changes"] is None
        create_backup(parse_database_url(url, base=Path()), to_dir=Path(BACKUPS), method="auto")
        told = call("--database", url, "--format", "json", environment=remembering).document["changes"]
        assert "UK204" in [finding["id"] for finding in told["mended"]]
        assert "UK204" not in [finding["id"] for finding in told["new"]]
        assert told["verdict_before"] == "NO_GO"
        assert "Since the last run" in call("--database", url, "--format", "markdown", environment=remembering).out

    def test_a_run_of_one_check_tells_of_that_one_and_forgets_no_other(
        self, url: str, remembering: dict[str, str]
    ) -> None:
        everything = call("--database", url, "--format", "json", environment=remembering).document
        count = sum(len(result["findings"]) for result in everything["results"])
        one = call("--database", url, "--only", "UK204", environment=remembering)
        assert "nothing has changed; 1 as before" in one.out
        again = call("--database", url, environment=remembering)
        assert f"nothing has changed; {count} as before" in again.out

    def test_another_site_knows_nothing_of_it(self, url: str, remembering: dict[str, str], folder: Path) -> None:
        call("--database", url, environment=remembering)
        shutil.copyfile(folder / "site.db", folder / "other.db")
        assert "Since" not in call("--database", "sqlite:///other.db", environment=remembering).out

    def test_without_memory_nothing_is_read_or_written(
        self, url: str, remembering: dict[str, str], folder: Path
    ) -> None:
        call("--database", url, "--no-memory", environment=remembering)
        assert not (folder / "state").exists()
        call("--database", url, environment=remembering)
        before = {path: path.read_bytes() for path in (folder / "state").rglob("*.json")}
        answer = call("--database", url, "--no-memory", "--only", "UK202", environment=remembering)
        assert "Since" not in answer.out
        assert {path: path.read_bytes() for path in (folder / "state").rglob("*.json")} == before

    def test_a_damaged_memory_changes_no_answer(self, url: str, remembering: dict[str, str], folder: Path) -> None:
        first = call("--database", url, environment=remembering)
        (file,) = (folder / "state").rglob("*.json")
        file.write_bytes(b"\0damaged")
        again = call("--database", url, environment=remembering)
        assert (again.exit, again.out) == (first.exit, first.out)

    def test_where_it_cannot_be_written_the_answer_is_the_same(self, url: str, read_only: Path) -> None:
        plain = call("--database", url)
        answer = call("--database", url, environment={"UPGRADE_KIT_STATE_DIR": str(read_only)})
        assert (answer.exit, answer.out) == (plain.exit, plain.out)

    def test_an_earlier_answer_that_is_named_is_what_it_is_compared_with(
        self, url: str, remembering: dict[str, str], folder: Path
    ) -> None:
        call("--database", url, "--format", "json", "--output", "before.json")
        create_backup(parse_database_url(url, base=Path()), to_dir=folder / "backups", method="auto")
        call("--database", url, environment=remembering)  # what is remembered knows of the backup
        answer = call("--database", url, "--since", "before.json", environment=remembering)
        assert "mended UK204" in answer.out

    def test_an_earlier_answer_that_is_none_is_told_before_the_site_is_looked_at(self) -> None:
        with pytest.raises(UsageError, match=r"--since gone\.json"):
            call("--database", "sqlite:///nothing.db", "--since", "gone.json")

    def test_nothing_of_it_is_in_the_site(self, remembering: dict[str, str], folder: Path) -> None:
        build_sample_site(folder / "site", VersionGraph.load().resolve("0.2.9.1"))
        before = sorted((folder / "site").rglob("*"))
        call("site", environment=remembering)
        call("site", environment=remembering)
        assert sorted((folder / "site").rglob("*")) == before

    def test_no_password_is_in_it(self, folder: Path, remembering: dict[str, str]) -> None:
        call("--database", "postgresql://me:top-secret@127.0.0.1:1/a", environment=remembering)
        (file,) = (folder / "state").rglob("*.json")
        assert "top-secret" not in file.read_text(encoding="utf-8")


class TestOnlyWhatIsNeeded:
    @pytest.fixture
    def connections(self) -> Iterator[tuple[str, list[int]]]:
        """The URL of a server that answers nobody, and its connections, noted."""
        made: list[int] = []
        with socket.create_server(("127.0.0.1", 0)) as server:

            def accept() -> None:
                with suppress(OSError):
                    while True:
                        connection, address = server.accept()
                        made.append(address[1])
                        connection.close()

            Thread(target=accept, daemon=True).start()
            yield f"postgresql://qa@127.0.0.1:{server.getsockname()[1]}/qatrack", made

    def test_the_settings_are_judged_without_the_database(
        self, folder: Path, connections: tuple[str, list[int]]
    ) -> None:
        url, made = connections
        build_sample_site(folder / "site", VersionGraph.load().resolve("0.2.9.1"))

        answer = call("site", "--database", url, "--only", "settings", "--format", "json")

        assert made == []
        assert answer.exit is Exit.DONE
        assert answer.document["site"]["database"] == url
        assert answer.document["path"] == ["0.2.9.1", "0.3.0"]

    @pytest.mark.postgresql  # of which it needs the driver alone
    def test_where_a_check_needs_it_it_is_asked(self, folder: Path, connections: tuple[str, list[int]]) -> None:
        pytest.importorskip("psycopg", reason="the extra postgresql is not installed")
        url, made = connections
        build_sample_site(folder / "site", VersionGraph.load().resolve("0.2.9.1"))

        answer = call("site", "--database", url, "--only", "settings", "--only", "UK202", "--format", "json")

        assert made
        assert answer.exit is Exit.FAILED
        assert "UK202" in answer.unknown()
        assert answer.document["site"]["database"] is None


class TestList:
    def test_it_folds_to_the_width_that_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        folded = call("--list").out
        assert max(map(len, folded.splitlines())) <= 80
        monkeypatch.delenv("COLUMNS")
        whole = call("--list").out
        assert max(map(len, whole.splitlines())) > 80
        assert " ".join(folded.split()) == " ".join(whole.split())
