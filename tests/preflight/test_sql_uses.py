from __future__ import annotations

import pytest

from upgrade_kit.model.sql import Fate, SchemaChange, SchemaChanges
from upgrade_kit.preflight.sql_reading import read_sql
from upgrade_kit.preflight.sql_uses import inserts, selects, uses


def change(table: str, column: str, fate: Fate = Fate.GONE) -> SchemaChange:
    return SchemaChange(table=table, column=column, fate=fate, to="2", what="goes", instead="", source="none")


CHANGES = SchemaChanges(
    columns=(
        ("beams", frozenset({"id", "type", "energy"})),
        ("lists", frozenset({"id", "name", "comment"})),
        ("pairs", frozenset({"id", "list_id"})),
        ("units", frozenset({"id", "name", "vendor"})),
    ),
    changes=(
        change("beams", "type"),
        change("beams", "energy"),
        change("lists", "comment"),
        change("units", "vendor"),
        change("pairs", ""),
        change("units", "name", Fate.CHANGED),
    ),
    reshaped=(("beams", ("energy", "type"), ()), ("lists", ("comment",), ()), ("units", ("vendor",), ("vendor_id",))),
)


def named(text: str, fate: Fate = Fate.GONE) -> list[str]:
    found = uses(read_sql("x.sql", text), CHANGES, fate)
    return [f"{use.change.table}.{use.change.column}".rstrip(".") for use in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT comment FROM lists", ["lists.comment"]),
        ("select Comment from LISTS", ["lists.comment"]),
        ("SELECT l.comment FROM lists AS l", ["lists.comment"]),
        ("SELECT l.comment FROM db.dbo.lists l", ["lists.comment"]),
        ("SELECT [l].[comment] FROM [dbo].[lists] [l]", ["lists.comment"]),
        ("SELECT `comment` FROM `lists`", ["lists.comment"]),
        ('SELECT "comment" FROM "lists"', ["lists.comment"]),
        ("SELECT lists.comment FROM lists", ["lists.comment"]),
        ("SELECT dbo.lists.comment FROM dbo.lists", ["lists.comment"]),
        ("SELECT TOP 5 comment FROM lists", ["lists.comment"]),
        ("SELECT TOP (5) PERCENT comment FROM lists", ["lists.comment"]),
        ("SELECT DISTINCT comment FROM lists", ["lists.comment"]),
        ("SELECT upper(comment) FROM lists", ["lists.comment"]),
        ("SELECT id FROM lists WHERE comment IS NOT NULL", ["lists.comment"]),
        ("SELECT id FROM lists ORDER BY comment", ["lists.comment"]),
        ("SELECT count(*) FROM lists GROUP BY comment HAVING count(*) > 1", ["lists.comment"]),
        ("SELECT CASE WHEN comment = '' THEN 1 ELSE 2 END FROM lists", ["lists.comment"]),
        ("SELECT @text = comment FROM lists", ["lists.comment"]),
        ("SELECT u.name FROM lists l JOIN units u ON u.vendor = l.comment", ["units.vendor", "lists.comment"]),
        ("SELECT a.id FROM units a, lists b WHERE b.comment = 'x'", ["lists.comment"]),
        ("SELECT vendor, comment FROM units, lists", ["units.vendor", "lists.comment"]),
        ("SELECT extract(year FROM id), comment FROM lists", ["lists.comment"]),
        ("SELECT 1 FROM units WHERE 1=(SELECT 1 FROM lists WHERE comment=vendor)", ["lists.comment", "units.vendor"]),
        ("SELECT x.id FROM (SELECT id, comment FROM lists) x", ["lists.comment"]),
        ("SELECT id FROM units UNION ALL SELECT comment FROM lists", ["lists.comment"]),
        ("WITH l AS (SELECT comment FROM lists) SELECT comment FROM l", ["lists.comment"]),
        ("UPDATE lists SET comment = ''", ["lists.comment"]),
        ("UPDATE l SET l.comment = '' FROM lists l", ["lists.comment"]),
        ("DELETE FROM lists WHERE comment = ''", ["lists.comment"]),
        ("DELETE l FROM lists l WHERE l.comment = ''", ["lists.comment"]),
        ("INSERT INTO lists (name, comment) VALUES ('a', 'b')", ["lists.comment"]),
        ("INSERT lists (comment) SELECT vendor FROM units", ["lists.comment", "units.vendor"]),
        ("MERGE INTO lists AS t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET t.comment = 1;", ["lists.comment"]),
        ("ALTER TABLE lists ALTER COLUMN comment int", ["lists.comment"]),
        ("ALTER TABLE lists DROP comment, DROP COLUMN name", ["lists.comment"]),
        ("CREATE INDEX i ON lists (comment)", ["lists.comment"]),
        ("CREATE VIEW v AS SELECT comment FROM lists", ["lists.comment"]),
        ("CREATE OR REPLACE VIEW v AS SELECT comment FROM lists", ["lists.comment"]),
        ("CREATE TABLE copy AS SELECT comment FROM lists", ["lists.comment"]),
        ("SELECT comment INTO copy FROM lists", ["lists.comment"]),
        ("SELECT * FROM pairs", ["pairs"]),
        ("DROP TABLE pairs", ["pairs"]),
        ("DECLARE @a int\nSELECT comment FROM lists\nSELECT vendor FROM units", ["lists.comment", "units.vendor"]),
        ("SELECT id FROM lists\nGO\nSELECT comment FROM lists\nGO 5\n", ["lists.comment"]),
        ("SELECT 'C:\\' , comment FROM lists WHERE name = 'D:\\'", ["lists.comment"]),
        ("SELECT a.energy FROM beams a JOIN beams b ON a.type = b.type", ["beams.energy", "beams.type", "beams.type"]),
        ("CREATE TRIGGER t BEFORE UPDATE OF name ON lists BEGIN SELECT NEW.comment; END", ["lists.comment"]),
        ("SELECT $$comment$$, comment FROM lists", ["lists.comment"]),
    ],
)  # fmt: skip
def test_what_goes_is_found(text: str, expected: list[str]) -> None:
    assert named(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id, name FROM lists",
        "SELECT comment FROM others",
        "SELECT o.comment FROM others o JOIN lists l ON l.id = o.id",
        "SELECT id AS comment FROM lists",
        "SELECT id comment FROM lists",
        "SELECT id AS [comment] FROM lists ORDER BY [comment]",
        "SELECT count(*) comment FROM lists",
        "SELECT CASE WHEN id = 1 THEN 2 END comment FROM lists",
        "SELECT 'comment' FROM lists",
        "SELECT N'comment' FROM lists",
        "SELECT id /* comment */ FROM lists -- comment",
        "SELECT id FROM lists WHERE id = @comment",
        "SELECT id FROM lists WHERE id = :comment",
        "SELECT comment(id) FROM lists",
        "SELECT c.comment FROM (SELECT id AS comment FROM lists) c",
        "WITH lists AS (SELECT 1 AS comment) SELECT comment FROM lists",
        "SELECT #t.comment FROM #t, lists",
        "CREATE TABLE lists_2 (id int, comment text)",
        "CREATE TABLE pairs (id int)",
        "SELECT id INTO pairs FROM lists",
        "SELECT type FROM units",
        "SELECT type FROM beams a JOIN others b ON a.id = b.id JOIN beams_2 c ON c.x = b.x WHERE 1 = 0 AND vendor = 1"
        .replace("type", "id"),
        "GRANT SELECT, UPDATE ON lists TO reader",
        "UPDATE others SET comment = ''",
        "INSERT INTO others (comment) SELECT name FROM lists",
        "USE comment; EXEC comment; SELECT id FROM lists",
        "ALTER TABLE lists ADD CONSTRAINT c CHECK (id > 0)",
    ],
)  # fmt: skip
def test_nothing_else_is(text: str) -> None:
    assert named(text) == []


def test_a_bare_name_that_two_tables_have_is_nobodys() -> None:
    changes = SchemaChanges(
        columns=(*CHANGES.columns, ("notes", frozenset({"comment"}))), changes=CHANGES.changes, reshaped=()
    )
    script = read_sql("x.sql", "SELECT comment FROM lists, notes")
    assert list(uses(script, changes, Fate.GONE)) == []


def test_what_changes_is_another_question_than_what_goes() -> None:
    assert named("SELECT name, vendor FROM units", Fate.CHANGED) == ["units.name"]


def test_places_and_words_are_the_statements() -> None:
    (use,) = uses(read_sql("x.sql", "SELECT 1;\r\n\r\n  SELECT id,\r\n\tcomment\r\nFROM lists"), CHANGES, Fate.GONE)
    assert (use.where, use.words) == ("x.sql:4:2", "SELECT id, comment FROM lists")


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("INSERT INTO units VALUES (1, 'a', 'b')", ["units"]),
        ("insert units select 1, 'a', 'b'", ["units"]),
        ("INSERT OR REPLACE INTO units VALUES (1, 'a', 'b')", ["units"]),
        ("REPLACE INTO units VALUES (1, 'a', 'b')", ["units"]),
        ("INSERT INTO dbo.units EXEC fill", ["units"]),
        ("INSERT INTO units (id) VALUES (1)", []),
        ("INSERT INTO units SET id = 1", []),
        ("INSERT INTO units DEFAULT VALUES", []),
        ("INSERT INTO others VALUES (1)", []),
        ("SELECT replace(name, 'a', 'b') FROM units", []),
        ("CREATE TRIGGER t ON units AFTER INSERT AS SELECT 1", []),
    ],
)
def test_an_insert_without_columns_is_found(text: str, tables: list[str]) -> None:
    assert [one.table for one in inserts(read_sql("x.sql", text), CHANGES)] == tables


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SELECT * FROM units", ["units"]),
        ("SELECT TOP 3 * FROM units", ["units"]),
        ("SELECT DISTINCT * FROM units u, lists l", ["units", "lists"]),
        ("SELECT l.id, u.* FROM units u, lists l", ["units"]),
        ("SELECT count(*) FROM units", []),
        ("SELECT id * 2, 3 * id FROM units", []),
        ("SELECT 1 FROM others WHERE EXISTS (SELECT * FROM units)", []),
        ("SELECT o.* FROM units u, others o", []),
        ("SELECT * FROM others", []),
    ],
)
def test_an_asterisk_over_what_loses_columns_is_found(text: str, tables: list[str]) -> None:
    assert [one.table for one in selects(read_sql("x.sql", text), CHANGES)] == tables
