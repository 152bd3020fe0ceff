from __future__ import annotations

import io
import os
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from upgrade_kit.deployment.migrate_log import read_migrate_log
from upgrade_kit.errors import LogError
from upgrade_kit.model.migrate_log import MigrateLog

SENTENCE = (
    "Note: if any of the following tests process binary files (e.g. images, dicom files etc) rather than "
    "plain text, you must edit the calculation and replace '{}' with '{}'. Tests:\n"
)
FORWARDS = SENTENCE.format("FILE", "BIN_FILE")
BACKWARDS = SENTENCE.format("BIN_FILE", "FILE")
RECORD = "[05/Nov/2018 17:40:02] INFO [qatrack.migrations:23] "

PICKET = ("Picket fence (EPID)", "picket_fence")
DYNALOG = ("Dynalog, leaf errors", "dynalog_leaf")
ANY_KIND = [
    PICKET,
    DYNALOG,
    ('The "old" export, v2 (txt), ', "old_export"),
    ("Tab\there", "tab_here"),
    ("Champ \xe9lectrique \xe0 6 MV", "champ"),
    ("\u0412\u044b\u0445\u043e\u0434 (\u043a\u0412)", "output_kv"),
    ("\u7dda\u91cf (\u51fa\u529b)", "dose"),
    ("It's ) odd (", "odd"),
    ("", "nameless"),
]


def listed(log: MigrateLog) -> list[tuple[str, str]]:
    return [(test.name, test.slug) for test in log.listed]


def lines_of(tests: list[tuple[str, str]]) -> str:
    return "".join(f"\t{name} ({slug}),\n" for name, slug in tests)


def read(folder: Path, content: str | bytes, name: str = "migrate.log") -> MigrateLog:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_migrate_log(file)


@pytest.mark.real
class TestRealLogs:
    @pytest.mark.parametrize(
        ("name", "failed", "notices"),
        [
            pytest.param("migrate.log", 322, 0, id="the log of 0.2.9.1 to 0.3.0"),
            pytest.param("migrate-0.3.0.20.log", 387, 4, id="the log of an upgrade to 0.3.0.20"),
            pytest.param("migrate-console.txt", 322, 0, id="the screen, which shows everything three times"),
        ],
    )
    def test_every_listed_test_is_read_once(self, real: Path, name: str, failed: int, notices: int) -> None:
        log = read_migrate_log(real / "logs" / name)
        truth = (real / "truth.tsv").read_text(encoding="utf-8").splitlines()[1:]
        assert log.runs == 1
        assert len(log.listed) == 41
        assert {test.slug for test in log.listed} <= {line.split("\t")[0] for line in truth}
        assert ("Tab\tname", "tab_name") in listed(log)
        assert ("Intensit\xe9 \xe0 6 MV (\xd8 10 cm)", "intensite") in listed(log)
        assert (len(log.failed_attachments), len(log.python3_notices)) == (failed, notices)
        assert log.notes == ()

    def test_the_log_of_a_migration_that_died_has_no_list_and_says_so(self, real: Path) -> None:
        log = read_migrate_log(real / "logs" / "migrate-c-locale.log")
        assert (log.runs, log.listed, len(log.failed_attachments)) == (0, (), 387)
        assert "C or POSIX locale" in log.notes[0]


class TestForms:
    @pytest.mark.parametrize(
        ("name", "encoding", "runs", "expected"),
        [
            pytest.param("names-of-any-kind.log", "utf-8", 1, ANY_KIND, id="brackets, commas, quotes, tabs, scripts"),
            pytest.param("utf16-big-endian.log", "utf-16-be", 1, ANY_KIND, id="the same in UTF-16, big end first"),
            pytest.param("several-runs.log", "utf-8", 2, [DYNALOG], id="of several lists the last counts"),
            pytest.param("taken-back.log", "utf-8", 1, [], id="a list that was taken back does not count"),
            pytest.param("taken-back-then-run-again.log", "utf-8", 2, [DYNALOG], id="a list after that counts"),
            pytest.param("console.txt", "utf-8", 1, [PICKET, DYNALOG], id="a console shows one run three times"),
            pytest.param("console-two-runs.txt", "utf-8", 2, [PICKET, DYNALOG], id="two runs on one console"),
            pytest.param("powershell-utf16.txt", "utf-16-le", 1, [PICKET, DYNALOG], id="PowerShell's >"),
            pytest.param("powershell-error-record.txt", "utf-8", 1, [PICKET, DYNALOG], id="PowerShell's 2>&1"),
            pytest.param("utf8-byte-order-mark.log", "utf-8-sig", 1, [PICKET, DYNALOG], id="a byte order mark"),
            pytest.param("quoted-in-a-letter.txt", "utf-8", 1, [PICKET, DYNALOG], id="quoted with > and blanks"),
            pytest.param("python3-check.log", "utf-8", 1, [PICKET, DYNALOG], id="notices of the Python 3 check"),
            pytest.param("cut-off.log", "utf-8", 1, [PICKET], id="a line cut off is not a test"),
            pytest.param("empty.log", "utf-8", 0, [], id="an empty log is no error"),
            pytest.param("no-list.log", "utf-8", 0, [], id="a log without a list is no error"),
        ],
    )
    def test_a_form(self, fixtures: Path, name: str, encoding: str, runs: int, expected: list[tuple[str, str]]) -> None:
        log = read_migrate_log(fixtures / "logs" / name)
        assert (log.encodings, log.runs, listed(log)) == ((encoding,), runs, expected)

    def test_windows_1252_is_read_and_told(self, fixtures: Path) -> None:
        log = read_migrate_log(fixtures / "logs" / "windows-cp1252.log")
        assert listed(log) == [("Gr\xf6\xdfe in \xb5m \u2013 Feld", "groesse"), DYNALOG]
        assert log.encodings == ("cp1252",)
        assert "not in UTF-8" in log.notes[0]

    def test_a_window_of_80_columns_breaks_the_sentence_and_long_names(self, fixtures: Path) -> None:
        log = read_migrate_log(fixtures / "logs" / "copied-from-an-80-column-window.txt")
        assert [test.slug for test in log.listed] == ["picket_fence", "long_name", "dynalog_leaf"]
        assert "long_name runs over 2 lines" in log.notes[0]

    def test_line_breaks_in_names_are_recovered_and_told(self, fixtures: Path) -> None:
        log = read_migrate_log(fixtures / "logs" / "line-breaks-in-names.log")
        assert listed(log) == [("one\ntwo", "a"), ("three (3)\n\nfour", "c")]
        assert len(log.notes) == 2

    def test_bytes_that_are_no_character_lose_no_line(self, fixtures: Path) -> None:
        log = read_migrate_log(fixtures / "logs" / "not-any-encoding.log")
        assert [test.slug for test in log.listed] == ["bad_byte", "dynalog_leaf"]
        assert any("bytes that are no character" in note for note in log.notes)

    def test_where_is_file_and_line(self, fixtures: Path) -> None:
        log = read_migrate_log(fixtures / "logs" / "several-runs.log")
        assert [test.where for test in log.listed] == ["several-runs.log:5"]

    def test_the_python_3_notices_keep_quotes_in_names(self, fixtures: Path) -> None:
        (notice,) = read_migrate_log(fixtures / "logs" / "python3-check.log").python3_notices
        assert (notice.name, notice.test_id) == ("It's (old), 'really'", 24)

    def test_a_file_that_was_not_moved_is_told_once(self, fixtures: Path) -> None:
        (failed,) = read_migrate_log(fixtures / "logs" / "console.txt").failed_attachments
        assert (failed.file, failed.test_instance_id, failed.test_list_instance_id) == ("a.txt", 46, 2)

    def test_what_follows_a_cut_off_line_is_still_read(self, fixtures: Path) -> None:
        log = read_migrate_log(fixtures / "logs" / "cut-off.log")
        assert [failed.file for failed in log.failed_attachments] == ["b.txt"]
        assert "cut-off.log:3" in log.notes[0]

    def test_an_empty_log_says_that_it_proves_nothing(self, fixtures: Path) -> None:
        (note,) = read_migrate_log(fixtures / "logs" / "empty.log").notes
        assert "empty" in note
        assert "manage.py" in note


class TestFolders:
    def test_rotated_files_are_read_first_and_others_are_not(self, fixtures: Path) -> None:
        log = read_migrate_log(fixtures / "logs" / "rotated")
        assert [file.name for file in log.files] == [
            "migrate.log.2018-10-10",
            "migrate.log.2018-10-17",
            "migrate.log",
        ]
        assert (log.runs, listed(log)) == (2, [DYNALOG])
        assert [failed.where for failed in log.failed_attachments] == ["migrate.log.2018-10-10:1"]

    def test_naming_the_newest_reads_its_rotated_files_too(self, fixtures: Path) -> None:
        assert len(read_migrate_log(str(fixtures / "logs" / "rotated" / "migrate.log")).files) == 3

    def test_naming_a_rotated_file_reads_it_alone(self, fixtures: Path) -> None:
        log = read_migrate_log(fixtures / "logs" / "rotated" / "migrate.log.2018-10-10")
        assert (len(log.files), listed(log)) == (1, [PICKET, DYNALOG])

    def test_a_site_folder_is_looked_into(self, tmp_path: Path) -> None:
        (tmp_path / "logs").mkdir()
        read(tmp_path / "logs", FORWARDS + lines_of([PICKET]))
        assert listed(read_migrate_log(tmp_path)) == [PICKET]

    def test_rotated_files_alone_will_do(self, tmp_path: Path) -> None:
        read(tmp_path, FORWARDS + lines_of([PICKET]), "migrate.log.2018-10-10")
        assert listed(read_migrate_log(tmp_path)) == [PICKET]

    def test_a_binary_rotated_file_is_left_out_with_a_note(self, tmp_path: Path) -> None:
        (tmp_path / "migrate.log.2018-10-10").write_bytes(b"\0\1\2")
        log = read(tmp_path, FORWARDS + lines_of([PICKET]))
        assert listed(log) == [PICKET]
        assert "migrate.log.2018-10-10 was left out" in log.notes[0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            pytest.param("nowhere.log", "no such file", id="a file that is not there"),
            pytest.param(".", "holds no migrate.log", id="a folder without a log"),
            pytest.param(
                *("x" * 5000, "cannot be read"),
                marks=pytest.mark.skipif(os.name == "nt", reason="Windows says that there is no such file"),
                id="a name that the system refuses",
            ),
            pytest.param("a\0b", "", id="a name that no system can have"),
        ],
    )
    def test_an_error_says_what_where_and_what_next(self, tmp_path: Path, name: str, message: str) -> None:
        with pytest.raises(LogError) as caught:
            read_migrate_log(tmp_path / name)
        assert message in caught.value.message
        assert str(tmp_path) in caught.value.message
        assert "--log FILE" in caught.value.hint

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(bytes(range(256)), id="every byte"),
            pytest.param(b"SQLite format 3\0" + bytes(100), id="a database"),
            pytest.param(bytes(100), id="nothing but zeros"),
        ],
    )
    def test_a_binary_file_is_no_log(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(LogError, match="not text"):
            read(tmp_path, content)

    def test_zeros_that_a_power_cut_left_at_the_end_do_no_harm(self, tmp_path: Path) -> None:
        assert listed(read(tmp_path, (FORWARDS + lines_of([PICKET])).encode() + bytes(64))) == [PICKET]


class TestWhatIsNoList:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(lines_of([PICKET]), id="lines of tests without the sentence"),
            pytest.param(RECORD + BACKWARDS + lines_of([PICKET]), id="the message of a migration taken back"),
            pytest.param(RECORD + FORWARDS, id="the sentence alone"),
            pytest.param(FORWARDS.partition(" with ")[0] + "\n" + "x\n" * 20 + lines_of([PICKET]), id="half of it"),
            pytest.param("Note: if any of the following happens (really),\n", id="another note"),
        ],
    )
    def test_nothing_is_listed(self, tmp_path: Path, content: str) -> None:
        log = read(tmp_path, content)
        assert (log.runs, log.listed) == (0, ())
        assert log.notes

    @pytest.mark.parametrize(
        "after",
        [
            pytest.param(RECORD + "something (else),\n", id="another record"),
            pytest.param(" OK\n", id="the console's OK"),
            pytest.param("  Applying qa.0015_auto_20180601_1212... OK\n", id="the next migration"),
            pytest.param("And then (as I said),\n", id="a sentence"),
            pytest.param("\n\n\n", id="blank lines"),
        ],
    )
    def test_what_follows_is_not_of_the_list(self, tmp_path: Path, after: str) -> None:
        log = read(tmp_path, RECORD + FORWARDS + lines_of([PICKET]) + after)
        assert (listed(log), log.notes) == ([PICKET], ())


class TestConsole:
    def test_buffered_output_shows_the_lists_in_another_order(self, tmp_path: Path) -> None:
        once = FORWARDS + lines_of([PICKET, DYNALOG])
        step = "  Applying qa.0014_convert_file_uploads..."
        assert read(tmp_path, once + once + "between\n" + step + once + " OK\n").runs == 1

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            pytest.param(
                "  Applying qa.0014_convert_file_uploads...",
                "  Applying qa.0014_convert_file_uploads...",
                id="two steps",
            ),
            pytest.param("", RECORD, id="a console, then a log"),
            pytest.param(RECORD, "", id="a log, then a console"),
        ],
    )
    def test_lists_that_cannot_be_of_one_run_are_two(self, tmp_path: Path, first: str, second: str) -> None:
        once = FORWARDS + lines_of([PICKET])
        assert read(tmp_path, first + once + second + once).runs == 2

    def test_a_fourth_list_is_another_run(self, tmp_path: Path) -> None:
        assert read(tmp_path, (FORWARDS + lines_of([PICKET])) * 4).runs == 2

    def test_lines_taken_for_the_rest_of_a_name_are_read_again_as_what_they_are(self, tmp_path: Path) -> None:
        failed = "Failed to move 'a.txt' for test instance id=1 from test list instance 2\n"
        log = read(tmp_path, FORWARDS + lines_of([PICKET]) + "\tunfinished\n" + failed)
        assert listed(log) == [PICKET]
        assert [one.file for one in log.failed_attachments] == ["a.txt"]

    def test_ok_may_stand_behind_the_last_test(self, tmp_path: Path) -> None:
        content = FORWARDS + lines_of([PICKET, DYNALOG]).rstrip("\n") + " OK\n"
        assert listed(read(tmp_path, content)) == [PICKET, DYNALOG]

    def test_the_last_comma_may_be_missing(self, tmp_path: Path) -> None:
        content = FORWARDS + lines_of([PICKET, DYNALOG]).rstrip(",\n")
        assert listed(read(tmp_path, content)) == [PICKET, DYNALOG]

    def test_two_lists_in_a_log_are_two_runs_though_alike(self, tmp_path: Path) -> None:
        assert read(tmp_path, (RECORD + FORWARDS + lines_of([PICKET])) * 2).runs == 2

    def test_taking_back_a_second_run_leaves_the_first(self, tmp_path: Path) -> None:
        first, second = RECORD + FORWARDS + lines_of([PICKET]), RECORD + FORWARDS + lines_of([DYNALOG])
        log = read(tmp_path, first + second + RECORD + BACKWARDS + lines_of([DYNALOG]))
        assert listed(log) == [PICKET]
        assert "migrate.log:1 counts" in log.notes[0]


def test_the_rest_of_a_broken_name_is_taken_with_a_note(tmp_path: Path) -> None:
    log = read(tmp_path, FORWARDS + "\tone (1),\ntwo (second),\n")
    assert [test.slug for test in log.listed] == ["1", "second"]
    assert "may be the rest of a name" in log.notes[0]


def test_a_log_full_of_oddities_gives_a_few_notes(tmp_path: Path) -> None:
    log = read(tmp_path, (RECORD + BACKWARDS + lines_of([PICKET])) * 100)
    assert len(log.notes) < 30
    assert "more of this kind" in log.notes[-1]


def test_a_line_without_end_is_passed_over_and_told(tmp_path: Path) -> None:
    content = FORWARDS + lines_of([PICKET]) + "x" * 3_000_000 + "\n" + RECORD + FORWARDS + lines_of([DYNALOG])
    log = read(tmp_path, content)
    assert listed(log) == [DYNALOG]
    assert any("1 line of more than" in note for note in log.notes)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("\tname (" + " " * 900_000 + "x),", id="a slug of blanks"),
        pytest.param("\tname (x)" + " " * 900_000 + "y", id="blanks behind the slug"),
        pytest.param("\t" + "(" * 900_000, id="nothing but brackets"),
        pytest.param("\tname" + "\n" * 300_000, id="a name that never ends"),
        pytest.param("Failed to move '" * 50_000, id="a message over and over"),
    ],
)
def test_a_hostile_line_costs_no_time_and_loses_no_other(tmp_path: Path, line: str) -> None:
    start = time.process_time()
    log = read(tmp_path, FORWARDS + lines_of([PICKET]) + line + "\n" + RECORD + FORWARDS + lines_of([DYNALOG]))
    assert time.process_time() - start < 5
    assert (log.runs, listed(log)) == (2, [DYNALOG])


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    noise = "[05/Nov/2018 17:40:02] DEBUG [django.db.backends:90] SELECT a, b FROM qa_test\n" * 1000
    content = (noise * 60 + RECORD + FORWARDS + lines_of([PICKET])).encode()
    file = tmp_path / "migrate.log"
    file.write_bytes(content)
    tracemalloc.start()
    try:
        log = read_migrate_log(file)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert listed(log) == [PICKET]
    assert peak_bytes < len(content) / 10


TEXT = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=40)
SLUG = st.from_regex(r"[A-Za-z_][\w-]{0,20}", fullmatch=True, alphabet=st.characters(max_codepoint=0x7F))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tests=st.lists(st.tuples(TEXT, SLUG), min_size=1, max_size=8),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    before=st.sampled_from(["", "noise\n", RECORD + "noise (1),\n"]),
    prefix=st.sampled_from(["", RECORD, "  Applying qa.0014_convert_file_uploads..."]),
)
def test_whatever_the_names_what_was_written_is_read(
    tmp_path: Path, tests: list[tuple[str, str]], encoding: str, newline: str, before: str, prefix: str
) -> None:
    text = before + prefix + FORWARDS + lines_of(tests) + RECORD + "the end\n"
    buffer = io.BytesIO()
    try:
        with io.TextIOWrapper(buffer, encoding=encoding, newline=newline) as stream:
            stream.write(text)
            stream.flush()
            content = buffer.getvalue()
    except UnicodeEncodeError:
        assume(False)
        raise
    if encoding == "cp1252":
        assume(all(not _passes_for_utf8(name.encode("cp1252")) for name, _ in tests))
    # A byte of value zero among the first ones means binary.
    assume("utf-16" in encoding or b"\0" not in content)
    log = read(tmp_path, content)
    assert listed(log) == tests
    assert log.runs == 1


def _passes_for_utf8(raw: bytes) -> bool:
    """Tell of Windows-1252 text whether it happens to be UTF-8 as well, which no reader could know."""
    if raw.isascii():
        return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
