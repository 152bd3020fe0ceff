"""What becomes of SQL Server's errors. Numbers and words are those of sys.messages, as its documentation lists them."""

from __future__ import annotations

import pytest

from upgrade_kit.backup.sqlserver_errors import (
    CANNOT_OPEN,
    Message,
    ServerError,
    diagnostics,
    explained,
    information,
    percent,
    unavailable,
)

MICROSOFT = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"
FREETDS = "[FreeTDS][SQL Server]"


def error(*parts: tuple[int, str], state: str = "42000") -> ServerError:
    return ServerError([Message(state=state, number=number, text=text) for number, text in parts])


# --- How drivers put it ---------------------------------------------------------------------------


@pytest.mark.parametrize("speaker", [MICROSOFT, FREETDS])
def test_one_error_is_taken_apart(speaker: str) -> None:
    said = (
        f"[42000] {speaker}Cannot open backup device 'D:\\x (1)'. Operating system error 5(no). (3201) (SQLExecDirectW)"
    )
    (found,) = diagnostics(("42000", said))
    assert (found.number, found.state, found.is_error) == (3201, "42000", True)
    assert found.text == "Cannot open backup device 'D:\\x (1)'. Operating system error 5(no)."


def test_several_errors_in_one_text_are_taken_apart() -> None:
    said = (
        f"[42000] {MICROSOFT}Write on [x]; [42000] failed: 112(full) (3202) (SQLMoreResults); "
        f"[42000] {MICROSOFT}BACKUP DATABASE is terminating abnormally. (3013); "
        f"[01000] {MICROSOFT}60 percent processed. (3211)"
    )
    found = diagnostics(("42000", said))
    assert [message.number for message in found] == [3202, 3013, 3211]
    assert [message.is_error for message in found] == [True, True, False]


def test_an_error_over_several_lines_becomes_one() -> None:
    (found,) = diagnostics(("42000", f"[42000] {FREETDS}one\r\n  two (50000) (SQLExecDirectW)"))
    assert found.text == "one two"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("HY000", "The driver did not supply an error!"), id="no record"),
        pytest.param(("Cursor closed.",), id="no state"),
    ],
)
def test_words_in_no_known_form_are_kept(arguments: tuple[str, ...]) -> None:
    (found,) = diagnostics(arguments)
    assert found.text == arguments[-1]
    assert found.is_error


def test_a_message_is_taken_apart() -> None:
    found = information(("[01000] (3211)", f"{FREETDS}60 percent processed."))
    assert (found.number, found.text, found.is_error, percent(found)) == (3211, "60 percent processed.", False, 60)


def test_only_the_message_of_progress_tells_a_percentage() -> None:
    assert percent(Message(state="01000", number=4035, text="Processed 360 pages for database 'q'.")) is None
    assert percent(Message(state="01000", number=3211, text="60 Prozent verarbeitet.")) == 60
    assert percent(Message(state="01000", number=3211, text="done")) is None


# --- Lost connections -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "number", "lost"),
    [
        pytest.param("08S01", 10054, True, id="Microsoft's driver"),
        pytest.param("01000", 20017, True, id="FreeTDS, as a remark"),
        pytest.param("HYT00", 0, True, id="a time-out"),
        pytest.param("42000", 596, True, id="a killed session"),
        pytest.param("42000", 3202, False, id="an error of the disk"),
        pytest.param("01000", 3211, False, id="progress"),
    ],
)
def test_a_lost_connection_is_known_by_what_the_driver_says(state: str, number: int, lost: bool) -> None:
    assert error((number, "x"), state=state).lost is lost


def test_a_killed_session_is_told_as_such() -> None:
    said = str(explained(error((596, "Cannot continue the execution because the session is in the kill state.")), "q"))
    assert "the session was ended on the server" in said
    assert "kill state. (596)" in said


# --- What it means --------------------------------------------------------------------------------

CASES = [
    (262, "BACKUP DATABASE permission denied in database 'q'.", "may not back up", "db_backupoperator"),
    (262, "CREATE DATABASE permission denied in database 'master'.", "lacks the right", "administrator"),
    (911, "Database 'q' does not exist. Make sure that the name is entered correctly.", "no such database", "URL"),
    (1205, "Transaction (Process ID 52) was deadlocked on lock resources.", "deadlock", "Try again"),
    (1222, "Lock request time out period exceeded.", "lock too long", "Stop the site"),
    (1844, "BACKUP DATABASE WITH COMPRESSION is not supported on Express Edition.", "cannot compress", "without"),
    (3021, "Cannot perform a backup or restore operation within a transaction.", "open transaction", "session"),
    (3023, "Backup, file manipulation operations on a database must be serialized.", "is running", "Wait"),
    (3101, "Exclusive access could not be obtained because the database is in use.", "in use", "Stop the site"),
    (3154, "The backup set holds a backup of a database other than the existing 'q' database.", "another", "--replace"),
    (3169, "The database was backed up on a server running version 16.00.1000.", "newer version", "later one"),
    (3183, 'RESTORE detected an error on page (1:81) in database "q".', "damaged", "Do not rely"),
    (3189, "Damage to the backup set was detected.", "damaged", "Do not rely"),
    (3201, "Cannot open backup device 'x'. Operating system error 5(Access is denied.).", "may not open", "service"),
    (3201, "Cannot open backup device 'x'. Operating system error 3(path).", "no such folder", "--server-dir"),
    (3202, 'Write on "x" failed: 112(There is not enough space on the disk.)', "disk is full", "Make room"),
    (3202, 'Write on "x" failed: 1(Incorrect function.)', "could not write", "--server-dir"),
    (3241, "The media family on device 'x' is incorrectly formed.", "no backup, damaged", "Do not rely"),
    (3271, 'A nonrecoverable I/O error occurred on file "x:" 1117(I/O device error).', "error of its disk", "disk"),
    (4060, 'Cannot open database "q" requested by the login.', "cannot be opened", "URL"),
    (5123, "CREATE FILE encountered operating system error 5(Access is denied.)", "may not open", "service"),
    (824, "SQL Server detected a logical consistency-based I/O error: incorrect checksum.", "damaged page", "CHECKDB"),
    (8928, "Object ID 60: Page (1:78) could not be processed.", "found damage", "CHECKDB"),
    (18456, "Login failed for user 'sa'.", "refused user or password", "UPGRADE_KIT_PASSWORD"),
    (33111, "Cannot find server certificate with thumbprint '0xAB'.", "certificate", "certificate"),
]


@pytest.mark.parametrize(("number", "words", "meaning", "hint"), CASES)
def test_an_error_is_told_with_its_meaning_its_words_and_what_to_do(
    number: int, words: str, meaning: str, hint: str
) -> None:
    told = explained(error((number, words)), "q: it failed")
    assert told.message.startswith("q: it failed: ")
    assert meaning in told.message
    assert f"The server said: {words} ({number})" in told.message
    assert hint in told.hint


def test_the_cause_is_told_and_not_what_only_says_that_it_was_the_end() -> None:
    told = explained(
        error((3202, 'Write on "x" failed: 112(full)'), (3013, "BACKUP DATABASE is terminating abnormally.")), "q"
    )
    assert "disk is full" in told.message
    assert "terminating" not in told.message


def test_the_end_alone_is_told_with_where_to_look() -> None:
    told = explained(error((3013, "BACKUP DATABASE is terminating abnormally.")), "q")
    assert "did not pass on the cause" in told.message
    assert "terminating abnormally. (3013)" in told.message
    assert "error log" in told.hint


def test_the_first_error_that_is_known_gives_the_meaning() -> None:
    told = explained(error((5133, "Directory lookup failed"), (3156, "cannot be restored"), (3119, "Problems")), "q")
    assert "no such folder for a file" in told.message
    assert "cannot be restored (3156)" in told.message


def test_an_error_that_nobody_knows_keeps_its_words() -> None:
    told = explained(error((50001, "A trigger says no.")), "q")
    assert told.message == "q. The server said: A trigger says no. (50001)"
    assert "error log" in told.hint


def test_what_is_left_behind_is_told_at_the_end() -> None:
    assert explained(error((3189, "Damage.")), "q", more="Nothing is left.").message.endswith("(3189) Nothing is left.")


@pytest.mark.parametrize(
    ("words", "file", "found"),
    [
        ("Cannot open backup device 'D:\\x'. Operating system error 2(not found).", "D:\\x", 2),
        ("Cannot open backup device 'D:\\a 5(x)'. Operating system error 2(not found).", "D:\\a 5(x)", 2),
        ("Impossible d'ouvrir D:\\x. Erreur du syst\u00e8me d'exploitation 5(Acc\u00e8s refus\u00e9.).", "D:\\x", 5),
        ("Cannot open backup device 'D:\\x'.", "D:\\x", None),
    ],
)
def test_the_number_of_the_operating_system_is_read_in_any_language(words: str, file: str, found: int | None) -> None:
    assert error((CANNOT_OPEN, words)).system_error(CANNOT_OPEN, file) == found


def test_another_error_has_no_number_of_the_operating_system() -> None:
    assert error((262, "denied 2(x)")).system_error(CANNOT_OPEN, "x") is None


# --- Judgements -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words", "judges"),
    [
        (3189, "Damage.", True),
        (3241, "incorrectly formed", True),
        (3201, "Cannot open. Operating system error 2(not found).", True),
        (3201, "Cannot open. Operating system error 5(denied).", False),
        (262, "CREATE DATABASE permission denied", False),
        (3257, "insufficient free space", False),
        (8928, "damage in the copy", True),
        (8921, "Check terminated. A failure was detected while collecting facts.", False),
    ],
)
def test_only_some_errors_say_something_of_the_backup(number: int, words: str, judges: bool) -> None:
    assert error((number, words)).judges_backup is judges


@pytest.mark.parametrize(
    ("number", "words", "known"),
    [
        (33557097, "'BACKUP' is not currently supported in Babelfish", False),
        (102, "Incorrect syntax near 'HEADERONLY'.", False),
        (40510, "Statement 'BACKUP DATABASE' is not supported in this version of SQL Server.", False),
        (3201, "Cannot open backup device.", True),
        (262, "permission denied", True),
    ],
)
def test_a_server_without_the_statement_is_known_by_its_answer(number: int, words: str, known: bool) -> None:
    assert (unavailable(error((number, words))) == "") is known
