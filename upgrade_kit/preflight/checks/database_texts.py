"""Can the database hold every letter, and keys as long as the migration makes them?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from upgrade_kit.model.finding import Finding, Passed
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.server import (
    Server,
    Texts,
)
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, both, then


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsOfServer:
    """How texts are kept, and by which server."""

    server: Server
    texts: Texts

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server = facts.get(Server)
        if isinstance(server, Unobserved):
            return server
        return then(server.texts, lambda known: cls(server=server, texts=known))


@check(
    "UK211",
    "The database can hold every letter, and compares texts in one way",
    reads=TextsOfServer,
    section="Django 1.11 documentation, Databases: PostgreSQL notes, MySQL notes (Encoding, Collation settings)",
    remedy="Convert the database after a backup and before the upgrade.",
)
def letters_are_kept(fact: TextsOfServer) -> Answer:
    """Names of tests hold accents and symbols. What an encoding lacks is refused, or becomes a question mark."""
    texts = fact.texts
    match fact.server.vendor:
        case "postgresql":
            return _postgresql_letters(texts)
        case "mysql":
            return [*_mysql_letters(fact), *_mysql_collations(fact)] or Passed(texts.collation)
        case "microsoft":
            return _sql_server_collations(fact)
        case _:
            return Passed(texts.encoding)


def _postgresql_letters(texts: Texts) -> Answer:
    if texts.encoding == "UTF8":
        return Passed(f"{texts.encoding}, {texts.collation}")
    said = "does not check letters at all" if texts.encoding == "SQL_ASCII" else "does not hold every letter"
    return [
        warning(
            f"the database's encoding is {texts.encoding}, which {said}",
            hint=to_type(
                "After a backup, make a database in UTF8, restore into it, and let the settings name it:",
                "createdb --encoding=UTF8 --template=template0 qatrackplus_utf8",
            ),
        )
    ]


def _mysql_letters(fact: TextsOfServer) -> Iterator[Finding]:
    texts = fact.texts
    narrow: dict[str, str] = {table: encoding for table, encoding, _ in texts.tables if not encoding.startswith("utf8")}
    if narrow:
        lines = [f"ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8;" for table in sorted(narrow)]
        kinds = ", ".join(sorted(set(narrow.values())))
        yield warning(
            f"{counted(narrow, 'table')} in {kinds}, which does not hold every letter: {', '.join(sorted(narrow))}",
            where=fact.server.database,
            hint=to_type("After a backup, with the site stopped, before the upgrade:", *lines),
        )
    if not texts.encoding.startswith("utf8"):
        name = fact.server.database.replace("`", "``")
        yield warning(
            f"tables that the migration makes will be in {texts.encoding}, the database's own, which does not hold "
            "every letter",
            where=fact.server.database,
            hint=to_type("Before the upgrade:", f"ALTER DATABASE `{name}` CHARACTER SET utf8;"),
        )


def _mysql_collations(fact: TextsOfServer) -> Iterator[Finding]:
    counts = Counter(collation for _, _, collation in fact.texts.tables)
    if len(counts) > 1:
        told = ", ".join(f"{name} ({number})" for name, number in counts.most_common())
        yield info(
            f"texts are compared in {len(counts)} ways, by tables: {told}",
            where=fact.server.database,
            hint="Comparing columns of two of them can end with 'Illegal mix of collations'. Rehearse the upgrade on a "
            "copy, or convert the fewer with ALTER TABLE ... CONVERT TO CHARACTER SET ... COLLATE ...",
        )


def _sql_server_collations(fact: TextsOfServer) -> Answer:
    own = fact.texts.collation
    others = sorted({f"{table} ({collation})" for table, _, collation in fact.texts.tables if collation != own})
    if not others:
        return Passed(own)
    return [
        warning(
            f"the database's collation is {own}, but that of columns in {counted(others, 'table')} is another: "
            f"{', '.join(others)}",
            where=fact.server.database,
            hint="New columns get the database's; comparing the two ends with error 468 (collation conflict). Rehearse "
            "the upgrade on a copy, or change these columns first: ALTER TABLE ... ALTER COLUMN ... COLLATE ...",
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysOnPath:
    """How texts are kept, beside the keys that the migrations make."""

    texts: Texts
    path: UpgradePath

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server = facts.get(Server)
        if isinstance(server, Server) and server.vendor != "mysql":
            return Unobserved("only MySQL and MariaDB limit keys to 767 bytes", asked=False)
        known = then(server, lambda asked: asked.texts)
        return both(known, facts.get(UpgradePath), lambda texts, way: cls(texts=texts, path=way))


_SHORT_KEY_BYTES = 767
_BYTES_A_LETTER = {"utf8mb4": 4, "utf8": 3, "utf8mb3": 3}


@check(
    "UK212",
    "Keys on texts stay within what the tables allow",
    reads=KeysOnPath,
    section="MySQL 5.7 Reference Manual, InnoDB limits; rules/versions/0.3.0.toml, [long_keys]",
    remedy="Give the tables the row format DYNAMIC before the upgrade.",
)
def keys_are_short_enough(fact: KeysOnPath) -> Answer:
    """A key that is too long ends the migration with error 1071, half done: MySQL cannot take changed tables back."""
    encodings = {table: encoding for table, encoding, _ in fact.texts.tables}
    findings: list[Finding] = []
    for release in fact.path.releases[1:]:
        for table, (column, characters, migration) in release.long_keys:
            needed = int(characters) * _BYTES_A_LETTER.get(encodings.get(table, ""), 1)
            if table in fact.texts.short_keys and needed > _SHORT_KEY_BYTES:
                findings.append(
                    error(
                        f"{migration} makes {table}.{column} a key of {needed} bytes, but the table allows "
                        f"{_SHORT_KEY_BYTES}",
                        where=table,
                        hint=to_type(
                            "After a backup, with the site stopped (before MySQL 5.7 and MariaDB 10.2 also "
                            "SET GLOBAL innodb_file_format = Barracuda; SET GLOBAL innodb_large_prefix = ON;):",
                            f"ALTER TABLE `{table}` ROW_FORMAT=DYNAMIC;",
                        ),
                    )
                )
    return findings


CHECKS = (letters_are_kept, keys_are_short_enough)
