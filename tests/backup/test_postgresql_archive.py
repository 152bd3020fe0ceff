"""How the output of pg_restore is read; a server is asked in tests/end_to_end."""

from __future__ import annotations

import pytest

from upgrade_kit.backup.dumped import DumpedContent
from upgrade_kit.backup.postgresql_archive import _GRANT, _OWNER, COPY, _read_copy, _unquoted, major
from upgrade_kit.deployment.fingerprint import rows_digest
from upgrade_kit.errors import BackupError


def procedures(data: bytes) -> tuple[int, str]:
    seen = DumpedContent()
    number = _read_copy(iter(data.splitlines(keepends=True)), seen, "qa_test", ["id", "name", "calculation_procedure"])
    return number, seen.content().procedures_sha256


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        pytest.param(b"\\.\n", [], id="no rows"),
        pytest.param(b"1\tx\ta\n2\ty\t\\N\n\\.\n", [(1, "a"), (2, None)], id="a NULL"),
        pytest.param(b"1\tx\t\\\\N\n\\.\n", [(1, "\\N")], id="a text that looks like NULL"),
        pytest.param(b"1\tx\t\\\\.\n\\.\n", [(1, "\\.")], id="a text that looks like the end"),
        pytest.param(b"1\tx\ta\\r\\n\\tb\\\\\\v\n\\.\n", [(1, "a\r\n\tb\\\v")], id="escapes"),
        pytest.param(b"1\tx\t\\101\\x42\n\\.\n", [(1, "AB")], id="numbers of characters"),
        pytest.param(b"1\tx\t\n\\.\n", [(1, "")], id="an empty text"),
        pytest.param(b"10\tx\tb\n2\ty\ta\n\\.\n", [(2, "a"), (10, "b")], id="in the order of the rows"),
        pytest.param(b"1\tx\t\xc3\xa9\r\n\\.\r\n", [(1, "\u00e9")], id="line ends of Windows"),
    ],
)
def test_rows_are_counted_and_texts_read_exactly(data: bytes, rows: list[tuple[int, str | None]]) -> None:
    assert procedures(data) == (len(rows), rows_digest(rows))


def test_data_that_break_off_are_refused() -> None:
    with pytest.raises(BackupError, match="break off after 1 rows"):
        procedures(b"1\tx\ta\n")


@pytest.mark.parametrize(
    ("line", "table"),
    [
        (b"COPY public.qa_test (id, name) FROM stdin;\n", "qa_test"),
        (b'COPY public."we""ird (t)" (id, "a b") FROM stdin;\n', 'we"ird (t)'),
        (b"COPY public.empty  FROM stdin;\n", "empty"),
    ],
)
def test_the_head_of_a_tables_data_is_read(line: bytes, table: str) -> None:
    head = COPY.fullmatch(line)
    assert head is not None
    assert _unquoted(head[2]) == table


def test_owners_and_those_who_have_rights_are_read() -> None:
    owner = _OWNER.fullmatch(b"-- Name: qa_test; Type: TABLE; Schema: public; Owner: the qa; Tablespace: \n")
    assert owner is not None
    assert owner[2] == b"the qa"
    grant = _GRANT.fullmatch(b'GRANT SELECT ON TABLE public.qa_test TO "the reader";\n')
    assert grant is not None
    assert _unquoted(grant[1]) == "the reader"
    ahead = _GRANT.fullmatch(
        b"ALTER DEFAULT PRIVILEGES FOR ROLE qa IN SCHEMA public GRANT SELECT ON TABLES TO reader;\n"
    )
    assert ahead is not None
    assert _unquoted(ahead[1]) == "reader"


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15),
        ("PostgreSQL 9.6.24", 9),
        ("pg_dump (PostgreSQL) 18beta1", 18),
        ("something else 7", 0),
    ],
)
def test_themajor_version_is_read(said: str, number: int) -> None:
    assert major(said) == number
