"""How a dump of mysqldump is read; a server is asked in tests/end_to_end."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from upgrade_kit.backup.mysql import _option_file, _read
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.fingerprint import rows_digest
from upgrade_kit.errors import BackupError

HEAD = b"-- MariaDB dump 10.19\n/*!40101 SET NAMES utf8mb4 */;\n"
TABLE = b"CREATE TABLE `qa_test` (\n  `id` int(11) NOT NULL,\n  `calculation_procedure` longtext DEFAULT NULL\n);\n"
INTO = b"INSERT INTO `qa_test` (`id`, `calculation_procedure`) VALUES"
TAIL = b"-- Dump completed on 2026-11-23 16:15:00\n"


def read(folder: Path, *parts: bytes) -> tuple[dict[str, int], str]:
    file = folder / "x.sql"
    file.write_bytes(b"".join(parts))
    found = _read(file, None, None)
    return dict(found.rows), found.procedures_sha256


@pytest.mark.parametrize(
    ("insert", "rows"),
    [
        pytest.param(b"", [], id="no rows"),
        pytest.param(INTO + b" (1,'a'),(2,NULL);\n", [(1, "a"), (2, None)], id="on one line, as MySQL does"),
        pytest.param(INTO + b"\n(1,'a'),\n(2,'b');\n", [(1, "a"), (2, "b")], id="on a line each, as MariaDB does"),
        pytest.param(INTO + b" (2,'b');\n" + INTO + b" (1,'a');\n", [(1, "a"), (2, "b")], id="in two statements"),
        pytest.param(INTO + b" (1,'),(2,\\'x\\'');\n", [(1, "),(2,'x'")], id="what looks like a row inside a text"),
        pytest.param(INTO + b" (1,'\\\\');\n", [(1, "\\")], id="a backslash at the end"),
        pytest.param(INTO + b" (1,'\\\\\\'');\n", [(1, "\\'")], id="a backslash and a quote at the end"),
        pytest.param(INTO + b" (1,'a\\r\\n\\t\\0\\Z\\\"b');\n", [(1, 'a\r\n\t\0\x1a"b')], id="every escape"),
        pytest.param(
            INTO + b" (1,';\\nCREATE TABLE `x` (');\n", [(1, ";\nCREATE TABLE `x` (")], id="SQL inside a text"
        ),
        pytest.param(INTO + b" (1,0x610D0A);\n", [(1, "a\r\n")], id="hexadecimal"),
        pytest.param(INTO + b" (1,_binary 'a');\n", [(1, "a")], id="binary"),
        pytest.param(INTO + b" (-1,''),(1,'\xc3\xa9');\n", [(-1, ""), (1, "\u00e9")], id="an empty text and UTF-8"),
    ],
)
def test_rows_are_counted_and_texts_read_exactly(
    tmp_path: Path, insert: bytes, rows: list[tuple[int, str | None]]
) -> None:
    assert read(tmp_path, HEAD, TABLE, insert, TAIL) == ({"qa_test": len(rows)}, rows_digest(rows))


def test_numbers_of_every_kind_are_values(tmp_path: Path) -> None:
    insert = b"INSERT INTO `t` (`a`, `b`) VALUES (-1.5e-10,NULL),(0x,1),(1e300,'2018-05-14 08:00:00.123456');\n"
    assert read(tmp_path, HEAD, b"CREATE TABLE `t` (\n`a` int);\n", insert, TAIL)[0] == {"t": 3}


def test_odd_names_are_read_as_they_are(tmp_path: Path) -> None:
    table = b"CREATE TABLE `we``ird (t) VALUES` (\n`a` int);\n"
    insert = b"INSERT INTO `we``ird (t) VALUES` (`a)`, `b``, `) VALUES (1,2);\n"
    assert read(tmp_path, HEAD, table, insert, TAIL)[0] == {"we`ird (t) VALUES": 1}


def test_the_body_of_a_trigger_is_no_statement_of_the_dump(tmp_path: Path) -> None:
    body = (
        b"DELIMITER ;;\nCREATE TRIGGER x BEFORE INSERT ON qa_test FOR EACH ROW\n"
        + INTO
        + b" (1,'a');\n;;\nDELIMITER ;\n"
    )
    assert read(tmp_path, HEAD, TABLE, body, INTO + b" (7,'b');\n", TAIL)[0] == {"qa_test": 1}


def test_the_stand_in_of_a_view_is_no_table(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD, TABLE, b"/*!50001 CREATE TABLE `seen` (\n `id` tinyint NOT NULL\n) */;\n", TAIL)[0] == {
        "qa_test": 0
    }


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((HEAD, TABLE), id="no end"),
        pytest.param((), id="no bytes"),
        pytest.param((HEAD, TABLE, INTO, b" (1,'a'),\n", TAIL), id="a row less than announced"),
        pytest.param((HEAD, TABLE, INTO, b" (1,'a\n", TAIL), id="cut inside a text"),
        pytest.param((HEAD, TABLE, INTO, b" (1,'a')\n", TAIL), id="no semicolon"),
        pytest.param((HEAD, TABLE, INTO, b" (1,'a'); (2,'b');\n", TAIL), id="more after the semicolon"),
        pytest.param((HEAD, TABLE, INTO, b" (1,a(b));\n", TAIL), id="no value"),
        pytest.param((HEAD, b"INSERT INTO qa_test VALUES (1);\n", TAIL), id="another program's"),
    ],
)
def test_what_mysqldump_does_not_write_is_refused(tmp_path: Path, parts: tuple[bytes, ...]) -> None:
    with pytest.raises(BackupError, match="cut off"):
        read(tmp_path, *parts)


def test_a_dump_cut_off_at_any_byte_is_refused(tmp_path: Path) -> None:
    whole = b"".join((HEAD, TABLE, INTO, b"\n(1,'a\\'b'),\n(2,NULL);\n", TAIL))
    file = tmp_path / "x.sql"
    for end in range(len(whole) - len(TAIL) + len(b"-- Dump completed") - 1):
        file.write_bytes(whole[:end])
        with pytest.raises(BackupError):
            _read(file, None, None)


# --- the option file ---------------------------------------------------------------------------------


def address(password: str, **more: str) -> DatabaseAddress:
    return DatabaseAddress(
        vendor="mysql", name="x", user="qa", password=password, host="h", options=tuple(more.items())
    )


def test_the_option_file_is_for_its_owner_alone_and_goes_away() -> None:
    with _option_file(address("hunter2")) as file:
        assert 'password="hunter2"' in file.read_text(encoding="utf-8")
        if os.name != "nt":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not file.parent.exists()


def test_the_option_file_goes_away_when_things_go_wrong() -> None:
    with suppress(KeyboardInterrupt), _option_file(address("hunter2")) as file:
        raise KeyboardInterrupt
    assert not file.exists()


def test_a_value_cannot_become_another_option() -> None:
    with _option_file(address('x"\nhost=evil\\')) as file:
        assert 'password="x\\"\\nhost=evil\\\\"\n' in file.read_text(encoding="utf-8")


def test_an_option_file_of_the_settings_is_read_first() -> None:
    with _option_file(address("p", read_default_file="/etc/qatrack.cnf", unix_socket="/run/x")) as file:
        lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "!include /etc/qatrack.cnf"
    assert 'socket="/run/x"' in lines
