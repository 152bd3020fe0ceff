from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.interrupts import interrupted_runs
from upgrade_kit.cli import memory
from upgrade_kit.cli.memory import Recalled, memory_file, read_since, recall, remember
from upgrade_kit.deployment import whole_file
from upgrade_kit.errors import UsageError
from upgrade_kit.model.changes import EarlierAnswer, EarlierRun, Outcome, Remembered
from upgrade_kit.model.finding import Severity

TO = (None, "0.3.0")


def run(message: str = "m", count: int = 1) -> EarlierRun:
    finding = Remembered(id="UK1", severity=Severity.ERROR, message=message, where="w")
    answer = EarlierAnswer(id="UK1", outcome=Outcome.FOUND, findings=(finding,) * count)
    return EarlierRun(at=datetime(2026, 3, 1, tzinfo=UTC), verdict="NO_GO", answers=(answer,))


def file_of(folder: Path, site: str | None = None, database: str | None = None, to: str = "0.3.0") -> Path:
    environment = {"UPGRADE_KIT_STATE_DIR": str(folder)}
    file = memory_file(environment, site=site, database=database, versions=(None, to))
    assert file is not None
    return file


class TestWhere:
    def test_another_site_database_or_target_has_another_memory(self, tmp_path: Path) -> None:
        files = {
            file_of(tmp_path, "site"),
            file_of(tmp_path, "other"),
            file_of(tmp_path, "site", "sqlite:///a.db"),
            file_of(tmp_path, None, "sqlite:///a.db"),
            file_of(tmp_path, None, "postgresql://me@host/a"),
            file_of(tmp_path, "site", to="0.2.9.1"),
        }
        assert len(files) == 6

    def test_other_words_for_the_same_site_lead_to_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "site").mkdir()
        assert (
            file_of(tmp_path, "site") == file_of(tmp_path, str(tmp_path / "site")) == file_of(tmp_path, "site/../site/")
        )
        url = "sqlite:///a.db"
        assert file_of(tmp_path, None, url) == file_of(tmp_path, None, f"sqlite:///{tmp_path}/a.db")

    def test_the_password_of_a_database_is_no_part_of_it(self, tmp_path: Path) -> None:
        one, other = "mssql://me:first@host/a", "mssql://me:second@host/a"
        assert file_of(tmp_path, None, one) == file_of(tmp_path, None, other)

    def test_it_is_never_in_the_site(self, tmp_path: Path) -> None:
        assert (tmp_path / "state") in file_of(tmp_path / "state", str(tmp_path)).parents

    def test_an_environment_that_was_handed_in_has_no_place_of_the_user(self) -> None:
        assert memory_file({}, site="site", database=None, versions=TO) is None

    def test_the_process_itself_has_the_user_s(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("UPGRADE_KIT_STATE_DIR")  # nothing is read or written there
        file = memory_file(os.environ, site="site", database=None, versions=TO)
        assert file is not None
        assert "upgrade-kit" in file.parts


class TestRecall:
    def test_what_was_remembered_comes_back(self, tmp_path: Path) -> None:
        file = file_of(tmp_path / "not" / "made" / "yet", "site")
        assert remember(file, run()) == ""
        assert recall(file) == Recalled(run())

    def test_no_memory_is_no_note(self, tmp_path: Path) -> None:
        assert recall(tmp_path / "none.json") == Recalled(None)

    @pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe\x00", b"null", b'{"schema": 1, "command": "path"}'])
    def test_a_damaged_one_is_none_with_a_note_and_is_replaced(self, damage: bytes, tmp_path: Path) -> None:
        file = tmp_path / "memory.json"
        file.write_bytes(damage)
        recalled = recall(file)
        assert recalled.run is None
        assert str(file) in recalled.note
        assert remember(file, run()) == ""
        assert recall(file) == Recalled(run())

    def test_a_cut_off_one_is_none(self, tmp_path: Path) -> None:
        file = tmp_path / "memory.json"
        remember(file, run())
        file.write_bytes(file.read_bytes()[:-20])
        assert recall(file).run is None

    def test_a_folder_in_its_place_is_no_error(self, tmp_path: Path) -> None:
        (tmp_path / "memory.json").mkdir()
        assert recall(tmp_path / "memory.json").run is None
        assert "cannot be remembered" in remember(tmp_path / "memory.json", run())

    def test_an_endless_one_is_not_read_to_its_end(self, tmp_path: Path) -> None:
        file = tmp_path / "memory.json"
        with file.open("wb") as stream:
            stream.truncate(40_000_000)
        assert "larger than" in recall(file).note


class TestRemember:
    def test_where_nothing_can_be_written_it_says_so_and_leaves_nothing(self, read_only: Path) -> None:
        assert "cannot be remembered" in remember(read_only / "preflight" / "memory.json", run())

    def test_on_a_full_disk_the_earlier_one_stays(self, small_disk: Path) -> None:
        file = small_disk / "memory.json"
        remember(file, run())
        assert "cannot be remembered" in remember(file, run("x" * 1000, count=20_000))
        assert recall(file) == Recalled(run())
        assert [path.name for path in small_disk.iterdir()] == ["memory.json"]

    def test_runs_that_end_together_leave_one_of_them_whole(self, tmp_path: Path) -> None:
        file = tmp_path / "memory.json"
        runs = [run(str(number), count=200) for number in range(40)]
        with ThreadPoolExecutor(8) as threads:
            notes = list(threads.map(lambda one: (remember(file, one), recall(file)), runs))
        assert all(recalled.run in runs for _, recalled in notes if os.name != "nt")
        assert recall(file).run in runs
        assert [path.name for path in tmp_path.iterdir()] == ["memory.json"]

    @pytest.mark.skipif(os.name != "posix", reason="rights are other ones on Windows")
    def test_it_is_for_the_user_alone(self, tmp_path: Path) -> None:
        file = file_of(tmp_path, "site")
        remember(file, run())
        assert file.stat().st_mode & 0o077 == 0
        assert file.parent.stat().st_mode & 0o077 == 0


class TestSince:
    def test_an_answer_of_preflight_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / "answer.json"
        result = {"id": "UK1", "title": "t", "result": "passed", "seen": "", "findings": []}
        document = {"schema": 1, "command": "preflight", "site": {}, "path": [], "verdict": "GO", "results": [result]}
        file.write_text(json.dumps(document), encoding="utf-8")
        earlier = read_since(str(file))
        assert (earlier.at, earlier.verdict, len(earlier.answers)) == (None, "GO", 1)

    @pytest.mark.parametrize("text", [None, "", "not JSON", '{"schema": 1, "command": "path"}'])
    def test_anything_else_is_a_usage_error(self, text: str | None, tmp_path: Path) -> None:
        file = tmp_path / "answer.json"
        if text is not None:
            file.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match="--since"):
            read_since(str(file))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_the_old_memory_or_the_new(tmp_path: Path) -> None:
    def prepare(folder: Path) -> None:
        remember(folder / "run.json", run("old"))

    def write(folder: Path) -> None:
        remember(folder / "run.json", run("new"))

    left = {}
    for line, folder, _ in interrupted_runs((memory, whole_file), tmp_path, prepare, write, at_least=8):
        if [path.name for path in folder.iterdir()] != ["run.json"] or recall(folder / "run.json").run not in (
            run("old"),
            run("new"),
        ):
            left[line] = sorted(path.name for path in folder.iterdir())
    assert not left
