"""The syntax of T-SQL that a backup needs, as Microsoft's reference writes it down, to check statements against.

sqlglot cuts a statement into tokens (names in brackets, N'' texts, numbers, words) and parses SELECT, EXEC and DROP;
BACKUP, RESTORE, DBCC and ALTER DATABASE ... SET it does not parse. For these the diagrams of the Transact-SQL
reference are written out here, each under its title, for the parts that are used. They know nothing of the package.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

sqlglot = pytest.importorskip("sqlglot")

# "<name>", "<text>" and "<number>" stand for tokens of these kinds, {...} for alternatives, [...] for what may lack.
_GENERAL_OPTIONS = {
    # BACKUP (Transact-SQL), <general_WITH_options>
    "BACKUP": (
        "COPY_ONLY",
        "COMPRESSION",
        "NO_COMPRESSION",
        "NAME = <text>",
        "INIT",
        "NOINIT",
        "CHECKSUM",
        "FORMAT",
        "STATS",
        "STATS = <number>",
    ),
    # RESTORE Statements (Transact-SQL), <general_WITH_options>
    "RESTORE DATABASE": (
        "MOVE <text> TO <text>",
        "REPLACE",
        "RECOVERY",
        "NORECOVERY",
        "FILE = <number>",
        "CHECKSUM",
        "STATS",
        "STATS = <number>",
    ),
    # RESTORE Statements - VERIFYONLY
    "RESTORE VERIFYONLY": ("MOVE <text> TO <text>", "FILE = <number>", "CHECKSUM", "STATS", "STATS = <number>"),
    # RESTORE Statements - HEADERONLY and - FILELISTONLY
    "RESTORE HEADERONLY": ("FILE = <number>", "CHECKSUM", "NO_CHECKSUM"),
    "RESTORE FILELISTONLY": ("FILE = <number>", "CHECKSUM", "NO_CHECKSUM"),
}


class Tokens:
    """A statement as sqlglot's T-SQL tokenizer cuts it."""

    def __init__(self, statement: str) -> None:
        found = sqlglot.tokenize(statement, read="tsql")
        self.left = [(_kind(token), token.text) for token in found]

    def take(self, wanted: str) -> list[str]:
        """Take a pattern like ``DISK = <text>`` from the front; return the texts of its placeholders."""
        taken: list[str] = []
        for word in wanted.split():
            assert self.left, f"{word} expected at the end"
            kind, text = self.left.pop(0)
            if word.startswith("<"):
                assert kind == word, f"{word} expected, not {text!r}"
                taken.append(text)
            else:
                assert kind not in {"<name>", "<text>"}, f"{word} expected, not {text!r}"
                assert text.upper() == word, f"{word} expected, not {text!r}"
        return taken

    def begins(self, wanted: str) -> bool:
        words = wanted.split()
        return len(self.left) >= len(words) and all(
            kind == word or (not word.startswith("<") and kind not in {"<name>", "<text>"} and text.upper() == word)
            for (kind, text), word in zip(self.left, words, strict=False)
        )


def _kind(token: object) -> str:
    name = token.token_type.name  # type: ignore[attr-defined]
    if name in {"NATIONAL_STRING", "STRING"}:
        return "<text>"
    if name == "IDENTIFIER":
        return "<name>"
    return "<number>" if name == "NUMBER" else name


def options_of(tokens: Tokens, which: str) -> dict[str, list[list[str]]]:
    """Take ``WITH option, option ...`` to the statement's end."""
    found: dict[str, list[list[str]]] = {}
    if not tokens.left:
        return found
    tokens.take("WITH")
    while True:
        fitting = [option for option in _GENERAL_OPTIONS[which] if tokens.begins(option)]
        assert fitting, f"no option of {which}: {tokens.left[:3]}"
        option = max(fitting, key=len)
        key = option.split()[0]
        assert key == "MOVE" or key not in found, f"{key} is given twice"
        found.setdefault(key, []).append(tokens.take(option))
        if not tokens.left:
            return found
        tokens.take(",")


def parse(statement: str) -> tuple[str, dict[str, list[list[str]]]]:
    """Return what a statement does and the names and texts in it, or fail."""
    tokens = Tokens(statement)
    parts: dict[str, list[list[str]]]
    if tokens.begins("BACKUP DATABASE"):
        parts = {"database": [tokens.take("BACKUP DATABASE <name>")], "disk": [tokens.take("TO DISK = <text>")]}
        return "BACKUP", parts | options_of(tokens, "BACKUP")
    if tokens.begins("RESTORE DATABASE"):
        parts = {"database": [tokens.take("RESTORE DATABASE <name>")], "disk": [tokens.take("FROM DISK = <text>")]}
        return "RESTORE DATABASE", parts | options_of(tokens, "RESTORE DATABASE")
    for which in ("RESTORE VERIFYONLY", "RESTORE HEADERONLY", "RESTORE FILELISTONLY"):
        if tokens.begins(which):
            tokens.take(which)
            return which, {"disk": [tokens.take("FROM DISK = <text>")]} | options_of(tokens, which)
    if tokens.begins("DBCC CHECKDB"):  # DBCC CHECKDB (Transact-SQL)
        parts = {"database": [tokens.take("DBCC CHECKDB ( <name> )")]}
        tokens.take("WITH NO_INFOMSGS , ALL_ERRORMSGS")
        return _ended("DBCC CHECKDB", parts, tokens)
    if tokens.begins("ALTER DATABASE"):  # ALTER DATABASE SET options, <db_user_access_option>, <termination>
        parts = {"database": [tokens.take("ALTER DATABASE <name>")]}
        if tokens.begins("SET SINGLE_USER"):
            tokens.take("SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
            return _ended("SINGLE_USER", parts, tokens)
        tokens.take("SET MULTI_USER")
        return _ended("MULTI_USER", parts, tokens)
    return _by_sqlglot(statement)


def _ended(what: str, parts: dict[str, list[list[str]]], tokens: Tokens) -> tuple[str, dict[str, list[list[str]]]]:
    assert not tokens.left, f"more than {what}: {tokens.left}"
    return what, parts


def _by_sqlglot(statement: str) -> tuple[str, dict[str, list[list[str]]]]:
    found: Sequence[object] = sqlglot.parse(statement, read="tsql", error_level=sqlglot.ErrorLevel.RAISE)
    assert len(found) == 1, f"{len(found)} statements instead of one"
    what = type(found[0]).__name__.upper()
    assert what in {"SELECT", "EXECUTE", "DROP"}, f"sqlglot takes it for {what}"
    names = [[each.this] for each in found[0].find_all(sqlglot.exp.Identifier)]  # type: ignore[attr-defined]
    texts = [[each.this] for each in found[0].find_all(sqlglot.exp.National, sqlglot.exp.Literal)]  # type: ignore[attr-defined]
    return what, {"names": names, "texts": texts}
