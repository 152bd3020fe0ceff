"""What is sent to SQL Server, statement by statement, read back by an independent tokenizer and parser."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.backup.tsql_syntax import parse
from upgrade_kit.backup import sqlserver_statements as statements
from upgrade_kit.deployment import sqlserver_files
from upgrade_kit.errors import UsageError

BAK = "D:\\backups\\qatrack.bak"
NAMES = [
    pytest.param("qatrack", id="a plain name"),
    pytest.param("QA Track+ 0.2.9", id="blanks and signs"),
    pytest.param("a]b]]c", id="closing brackets"),
    pytest.param("[a]", id="a name in brackets"),
    pytest.param("x]; DROP DATABASE [qatrack]; --", id="a statement in the name"),
    pytest.param("o'brien ''", id="apostrophes"),
    pytest.param('say "x"', id="quotation marks"),
    pytest.param("100%s %d ? {fn now()} /* -- */", id="what drivers and Django read as their own"),
    pytest.param("b\u00e9ta \u4e2d \U0001f600", id="any script"),
    pytest.param("two\r\nlines\t", id="line ends"),
    pytest.param("]" * 128, id="the longest"),
]
# Everything that a name or a path may hold.
ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=60)


@pytest.mark.parametrize("name", NAMES)
def test_names_come_back_as_they_were(name: str) -> None:
    assert parse(statements.backup(name, BAK, set_name="s", compression=False))[1]["database"] == [[name]]
    assert parse(statements.restore(name, BAK, (), replace=False))[1]["database"] == [[name]]
    assert parse(statements.check(name)) == ("DBCC CHECKDB", {"database": [[name]]})
    assert parse(statements.single_user(name)) == ("SINGLE_USER", {"database": [[name]]})
    assert parse(statements.multi_user(name)) == ("MULTI_USER", {"database": [[name]]})
    assert parse(statements.drop(name)) == ("DROP", {"names": [[name]], "texts": []})


@given(name=ANY_TEXT, path=ANY_TEXT)
@example(name="]", path="'")
@example(name="a]]", path="''")
def test_no_name_and_no_path_ends_its_place(name: str, path: str) -> None:
    what, parts = parse(statements.backup(name, path, set_name=path, compression=True))
    assert what == "BACKUP"
    assert (parts["database"], parts["disk"], parts["NAME"]) == ([[name]], [[path]], [[path]])


def test_a_backup_asks_for_all_that_makes_it_provable() -> None:
    what, parts = parse(statements.backup("qa", BAK, set_name="one", compression=True))
    assert what == "BACKUP"
    assert set(parts) == {"database", "disk", "COPY_ONLY", "CHECKSUM", "INIT", "NAME", "COMPRESSION", "STATS"}
    assert (parts["disk"], parts["NAME"], parts["STATS"]) == ([[BAK]], [["one"]], [["5"]])


def test_a_backup_without_compression_overrides_the_default_of_the_server() -> None:
    _, parts = parse(statements.backup("qa", BAK, set_name="one", compression=False))
    assert "NO_COMPRESSION" in parts
    assert "COMPRESSION" not in parts


def test_what_is_read_of_a_backup() -> None:
    assert parse(statements.header(BAK)) == ("RESTORE HEADERONLY", {"disk": [[BAK]]})
    assert parse(statements.file_list(BAK)) == ("RESTORE FILELISTONLY", {"disk": [[BAK]], "FILE": [["1"]]})
    what, parts = parse(statements.verify(BAK))
    assert what == "RESTORE VERIFYONLY"
    assert parts == {"disk": [[BAK]], "FILE": [["1"]], "CHECKSUM": [[]], "STATS": [["5"]]}


def test_a_restore_moves_every_file() -> None:
    moves = (("qa'track", "D:\\data\\x_1.mdf"), ("qa_log]", "/var/opt/mssql/x_2.ldf"))
    what, parts = parse(statements.restore("copy", "\\\\nas\\b\\q.bak", moves, replace=False))
    assert what == "RESTORE DATABASE"
    assert parts["MOVE"] == [list(move) for move in moves]
    assert parts["disk"] == [["\\\\nas\\b\\q.bak"]]
    assert {"CHECKSUM", "RECOVERY"} <= set(parts)


@pytest.mark.parametrize("replace", [True, False])
def test_a_restore_replaces_only_when_it_is_asked_to(replace: bool) -> None:
    _, parts = parse(statements.restore("qa", BAK, (), replace=replace))
    assert ("REPLACE" in parts) is replace


@pytest.mark.parametrize(
    ("statement", "what", "texts"),
    [
        pytest.param(
            statements.instance(), "SELECT", ["BACKUP DATABASE", "CREATE ANY DATABASE", "Edition"], id="instance"
        ),
        pytest.param(statements.clock(), "SELECT", [], id="clock"),
        pytest.param(sqlserver_files.own_files(), "SELECT", ["SpaceUsed"], id="own files"),
        pytest.param(statements.files_of("a'b"), "SELECT", ["a'b"], id="files of a database"),
        pytest.param(statements.database_named("x'y"), "SELECT", ["x'y"], id="a database by its name"),
        pytest.param(sqlserver_files.volumes(), "SELECT", [], id="volumes"),
        pytest.param(statements.history_of("5D3A-'"), "SELECT", ["5D3A-'"], id="history"),
        pytest.param(sqlserver_files.fixed_drives(), "EXECUTE", [], id="drives"),
        pytest.param(statements.backup_folder_in_registry(), "EXECUTE", ["BackupDirectory"], id="registry"),
    ],
)
def test_questions_are_one_statement_each(statement: str, what: str, texts: list[str]) -> None:
    found, parts = parse(statement)
    assert found == what
    assert {text for (text,) in parts["texts"]} >= set(texts)


def test_every_property_of_the_server_is_cast() -> None:
    """SERVERPROPERTY: "Returns sql_variant", which neither driver brings home."""
    statement = statements.instance()
    assert statement.count("SERVERPROPERTY(") == statement.count("CAST(SERVERPROPERTY(") > 0


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="nothing"),
        pytest.param("a\0b", id="a NUL"),
        pytest.param("x" * 129, id="too long"),
        pytest.param("\U0001f600" * 65, id="too long in UTF-16"),
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    for statement in (statements.drop, statements.check, statements.single_user, statements.multi_user):
        with pytest.raises(UsageError, match="no name of a database"):
            statement(name)


@pytest.mark.parametrize("path", [pytest.param("", id="nothing"), pytest.param("D:\\" + "x" * 257, id="too long")])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="--server-dir"):
        statements.verify(path)


def test_a_text_with_nul_is_refused() -> None:
    with pytest.raises(UsageError, match="NUL"):
        statements.header("D:\\a\0.bak")


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("BACKUP DATABASE [a] TO DISK = N'x' WITH INIT, INIT", id="an option twice"),
        pytest.param("BACKUP DATABASE a.b TO DISK = N'x'", id="a name without brackets"),
        pytest.param("RESTORE VERIFYONLY FROM DISK = N'x' WITH REPLACE", id="an option of another statement"),
        pytest.param("RESTORE DATABASE [a] FROM DISK = N'x' WITH MOVE N'a'", id="half a MOVE"),
        pytest.param("ALTER DATABASE [a] SET SINGLE_USER", id="no termination"),
        pytest.param("DROP DATABASE [a]; DROP DATABASE [b]", id="two statements"),
        pytest.param("SELECT 1 FROM", id="half a query"),
    ],
)
def test_the_parser_of_these_tests_refuses_what_is_wrong(wrong: str) -> None:
    def refused() -> Any:
        try:
            return parse(wrong)
        except Exception as error:  # noqa: BLE001 - sqlglot has errors of its own
            return error

    assert isinstance(refused(), Exception)
