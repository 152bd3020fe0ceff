"""What of pg_restore's script goes to the server; a server is asked in tests/end_to_end/test_postgresql_restores.py."""

from __future__ import annotations

from upgrade_kit.backup.postgresql_restore import _understood

HEAD = [b"--\n", b"\\restrict aB3\n", b"SET statement_timeout = 0;\n", b"SET transaction_timeout = 0;\n"]
OBJECT = b"-- Name: qa_test; Type: TABLE; Schema: public; Owner: qa\n"


def test_the_one_setting_that_older_servers_do_not_know_is_left_out() -> None:
    assert list(_understood(HEAD[2:], 15)) == [HEAD[2]]
    assert list(_understood(HEAD[2:], 17)) == HEAD[2:]


def test_the_lock_for_psql_is_left_out_at_both_ends() -> None:
    assert list(_understood([*HEAD, OBJECT, b"\\unrestrict aB3\n"], 17)) == [HEAD[0], *HEAD[2:], OBJECT]


def test_such_lines_behind_the_head_are_kept() -> None:
    """They belong to a function, or are rows."""
    lines = [OBJECT, HEAD[3], HEAD[1], b"\\unrestrict other\n"]
    assert list(_understood(lines, 15)) == lines
    assert list(_understood([HEAD[1], *lines], 15)) == lines
