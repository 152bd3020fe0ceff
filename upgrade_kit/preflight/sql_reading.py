"""Finds which tables and columns the statements of a text of SQL name. It knows no schema.

This is no parser of SQL, of which there is one for each vendor and version: it follows the words that come before a
table and before an alias, and the brackets. What it does not understand it passes over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from upgrade_kit.model.sql import NamedColumn, NamedTable, Query, Script
from upgrade_kit.preflight.sql_words import NOTHING, Kind, NoStatementError, Text, Word, batches

_MOST_WORDS = 60  # characters of a statement's beginning
_CLAUSES = frozenset(
    re.findall(
        r"\w+",
        """from where group order having on set values using when limit offset fetch window returning output qualify
        union except intersect for option""",
    )
)
_NO_ALIAS = _CLAUSES | frozenset(
    re.findall(
        r"\w+",
        """join inner left right full cross outer natural as with tablesample pivot unpivot apply straight_join use
        ignore force default select exec execute set go begin end if else while declare return then and or not go print
        insert update delete merge truncate alter create drop""",
    )
)
_NO_COLUMN = _NO_ALIAS | frozenset(
    re.findall(
        r"\w+",
        """by asc desc in is null like between exists all any some distinct top case else interval cast convert true
        false current_timestamp escape collate over partition rows range preceding following unbounded current row
        ilike similar glob regexp rlike div mod xor rollup cube percent ties table view trigger procedure function proc
        index column constraint primary key foreign references unique check add nocheck after before instead of each
        statement returns language deallocate open close cursor next into varchar nvarchar int integer bigint char""",
    )
)
_OBJECTS = frozenset(
    re.findall(
        r"\w+",
        """table view index trigger procedure proc function database schema login user role or unique temporary temp
        materialized global local clustered nonclustered definer algorithm force recursive""",
    )
)
# After these UPDATE, DELETE and INSERT begin no statement: FOR UPDATE, ON DELETE, AFTER INSERT OR UPDATE, THEN INSERT.
_NO_BEGINNING_AFTER = frozenset(
    {"for", "on", "after", "before", "or", "of", ",", "key", "do", "then", "grant", "instead"}
)
_OF_A_TRIGGER = ("new", "old", "inserted", "deleted")


def read_sql(name: str, text: str) -> Script:
    """Return what the statements of a text name.

    Raises:
        SqlError: the text cannot be taken apart, or holds no statement.
    """
    source = Text(text)
    queries: list[Query] = []
    for words in batches(source):
        queries += _Reader(source, words, len(queries)).read()
    if not queries:
        raise NoStatementError("it holds no statement of SQL that names a table")
    return Script(name=name, queries=tuple(queries))


@dataclass(slots=True)
class _Open:
    """A query that is being read."""

    number: int
    outer: int | None
    start: int
    clause: str = ""
    tables: list[NamedTable] = field(default_factory=list)
    columns: list[NamedColumn] = field(default_factory=list)
    aliases: set[str] = field(default_factory=set)
    late: list[NamedColumn] = field(default_factory=list)  # in ORDER BY and GROUP BY, where an alias may be meant
    insert_all: NamedTable | None = None


class _Reader:
    """Reads one batch from its first word to its last."""

    def __init__(self, source: Text, words: list[Word], first: int) -> None:
        self._source = source
        self._words = words
        self._at = 0
        self._first = first
        self._queries: list[_Open] = []
        self._levels: list[_Open | None] = [None]  # the query that is read within each pair of brackets
        self._calls = [False]  # whether these brackets are those of a function: EXTRACT(year FROM ...)
        self._made: set[str] = set()  # what the batch itself calls a table: WITH name AS (...)
        self._statement = 0
        self._of_trigger = ""
        self._behind_top = -1  # where the first column stands behind SELECT TOP (n)

    def read(self) -> list[Query]:
        while self._at < len(self._words):
            self._step()
        return [self._done(query) for query in self._queries]

    def _done(self, query: _Open) -> Query:
        late = [one for one in query.late if one.qualifier or one.name not in query.aliases]
        place = self._source.place(query.start)
        rows = _OF_A_TRIGGER if self._of_trigger else ()
        words = " ".join(self._source.text[query.start : query.start + 4 * _MOST_WORDS].split())
        return Query(
            words=words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS].rstrip()} ...",
            outer=query.outer,
            tables=tuple(query.tables),
            columns=(*query.columns, *late),
            implied=tuple(NamedTable(name=self._of_trigger, alias=alias, place=place) for alias in rows),
            insert_all=query.insert_all,
        )

    def _peek(self, ahead: int = 0) -> Word:
        at = self._at + ahead
        return self._words[at] if 0 <= at < len(self._words) else NOTHING

    def _is(self, *texts: str, ahead: int = 0) -> bool:
        word = self._peek(ahead)
        return word.kind in {Kind.WORD, Kind.MARK} and word.text in texts

    @property
    def _query(self) -> _Open | None:
        return self._levels[-1]

    def _begin(self, *, goes_on: bool = False) -> _Open:
        """Begin a query in the place of the one that was read within these brackets.

        Args:
            goes_on: whether it is part of the statement that was read before.
        """
        outer = next((level for level in reversed(self._levels[:-1]) if level is not None), None)
        if outer is None and not goes_on:
            self._statement = self._peek().start
        query = _Open(
            number=self._first + len(self._queries),
            outer=None if outer is None else outer.number,
            start=self._statement,
        )
        self._queries.append(query)
        self._levels[-1] = query
        return query

    def _goes_on(self) -> bool:
        """Tell whether a SELECT goes on with what came before: UNION, INSERT INTO name (...), CREATE VIEW AS."""
        before = self._peek(-1)
        return bool(self._query) and before.text in {"union", "all", "except", "intersect", "as", ")"}

    def _step(self) -> None:
        word = self._peek()
        if word.kind is Kind.MARK:
            self._mark(word)
        elif word.kind is Kind.WORD and self._keyword(word.text):
            pass
        elif word.kind in {Kind.WORD, Kind.QUOTED}:
            self._name()
        else:
            self._at += 1
            while word.kind is Kind.VARIABLE and self._is("."):  # a column of a table of the statement's own
                self._at += 2

    def _mark(self, word: Word) -> None:
        self._at += 1
        if word.text == "(":
            before = self._peek(-2)
            named = before.kind is Kind.QUOTED or (before.kind is Kind.WORD and before.text not in _NO_COLUMN)
            self._calls.append(named)
            self._levels.append(None if self._is("select", "with") else self._query)
        elif word.text == ")" and len(self._levels) > 1:
            self._levels.pop()
            self._calls.pop()
        elif word.text == ";":
            self._levels, self._calls = [None], [False]
        elif word.text == "," and self._query and self._query.clause == "from" and not self._calls[-1]:
            self._table()
        elif word.text == "*" and self._query and self._query.clause == "select" and self._is_all():
            self._note("*", "", word)

    def _is_all(self) -> bool:
        """Tell whether the asterisk that was just read stands for all columns; in EXISTS it asks for none."""
        first = self._peek(-2).text in {"select", "all", "distinct", ","} or self._at - 1 == self._behind_top
        return first and self._peek(-4).text != "exists"

    def _keyword(self, text: str) -> bool:
        """Read what begins with a keyword; return False where the word is none here."""
        before = self._peek(-1)
        if before.text == ".":
            return False
        if text == "select":
            self._begin(goes_on=self._goes_on()).clause = "select"
        elif text in {"insert", "replace"} and self._begins() and not (text == "replace" and self._is("(", ahead=1)):
            self._insert()
            return True
        elif text in {"update", "delete", "merge"} and self._begins():
            self._begin().clause = text
            self._at += 1
            while self._is("low_priority", "ignore", "quick", "only", "into", "or", "rollback", "abort", "fail"):
                self._at += 1
            if self._is("top"):
                self._at += 1
                self._skip_brackets()
            if not self._is("from"):
                self._table()
            return True
        elif text == "truncate" or (text in {"create", "alter", "drop"} and self._peek(1).text in _OBJECTS):
            self._about_a_table()
            return True
        elif text in {"from", "join", "using", "apply", "straight_join"} and self._query and not self._calls[-1]:
            self._at += 1
            if not (text == "using" and self._is("(")):
                self._query.clause = "from"
                self._table()
            return True
        elif text in _CLAUSES and self._query:
            self._query.clause = self._query.clause if self._calls[-1] else text
        elif text == "into" and self._query and self._query.clause == "select":
            self._at += 1
            self._dotted()  # SELECT INTO makes a table
            return True
        elif text == "as":
            self._alias()
            return True
        elif text == "top":
            self._at += 1
            self._skip_brackets() if self._is("(") else self._skip(1)
            while self._is("percent", "with", "ties"):
                self._at += 1
            self._behind_top = self._at
            return True
        elif text not in _NO_COLUMN:
            return False
        self._at += 1
        return True

    def _begins(self) -> bool:
        return self._peek(-1).text not in _NO_BEGINNING_AFTER and not self._is("(", ".", ahead=1)

    def _alias(self) -> None:
        """Pass over AS and the name behind it; of a query in brackets it is a table's, of anything else a column's."""
        self._at += 1
        word = self._peek()
        if self._is("("):
            if self._peek(-2).kind in {Kind.WORD, Kind.QUOTED} and self._is("select", "with", ahead=1):
                self._made.add(self._peek(-2).text)
        elif word.kind in {Kind.WORD, Kind.QUOTED, Kind.VALUE} and word.text not in {"select", "with", "begin"}:
            if self._query:
                self._query.aliases.add(word.text.strip("'").lower())
            self._at += 1

    def _insert(self) -> None:
        query = self._begin()
        query.clause = "insert"
        self._at += 1
        while self._is("or", "ignore", "replace", "into", "low_priority", "delayed", "overwrite", "rollback", "abort"):
            self._at += 1
        if self._is("("):
            return  # MERGE: THEN INSERT (...)
        table = self._dotted()
        if table is None:
            return
        query.tables.append(table)
        if self._is("as"):
            self._at += 2
        if self._is("(") and not self._is("select", "with", ahead=1):
            self._at += 1
            while self._peek() and not self._is(")"):
                if self._peek().kind in {Kind.WORD, Kind.QUOTED}:
                    self._note(self._peek().text, table.name, self._peek())
                self._at += 1
            self._at += 1
        elif not self._is("set", "default"):
            query.insert_all = table

    def _about_a_table(self) -> None:
        """Read CREATE, ALTER, DROP and TRUNCATE up to the table that it is about, if there is one."""
        making = self._is("create")
        query = self._begin()
        self._at += 1
        kind = ""
        while self._peek().kind in {Kind.WORD, Kind.QUOTED} or self._is("."):
            if self._is("table") and not kind:
                self._at += 1
                while self._is("if", "not", "exists", "only"):
                    self._at += 1
                table = self._dotted()
                if table is not None and not making:
                    query.tables.append(table)
                return
            if self._is("index", "trigger") and not kind:
                kind = self._peek().text
            elif self._is("view", "procedure", "proc", "function", "database", "user", "login") and not kind:
                return
            elif self._is("on") and kind:
                self._at += 1
                table = self._dotted()
                if table is not None:
                    query.tables.append(table)
                    self._of_trigger = table.name if kind == "trigger" else ""
                return
            self._at += 1
            if kind == "trigger" and self._is(",") and self._peek(1).kind is Kind.WORD:
                self._at += 1  # UPDATE OF one, other

    def _table(self) -> None:
        """Read a table and its alias, if there is one here."""
        query = self._query
        if query is None or self._is("("):
            return
        while self._is("lateral", "only", "table"):
            self._at += 1
        table = self._dotted()
        if table is None:
            return
        if self._is("("):  # a function that gives rows
            table = NamedTable(name="", alias=table.alias, place=table.place)
            self._skip_brackets()
        if self._is("as"):
            self._at += 1
        if self._peek().kind is Kind.QUOTED or (self._peek().kind is Kind.WORD and self._peek().text not in _NO_ALIAS):
            table = NamedTable(name=table.name, alias=self._peek().text, place=table.place)
            self._at += 1
        query.tables.append(table)

    def _dotted(self) -> NamedTable | None:
        """Read ``database.schema.table`` and return the table; None where none is here."""
        first = self._peek()
        if first.kind is Kind.VARIABLE:
            self._at += 1
            return NamedTable(name="", alias=first.text.lower(), place=self._source.place(first.start))
        if first.kind not in {Kind.WORD, Kind.QUOTED} or (first.kind is Kind.WORD and first.text in _NO_ALIAS):
            return None
        last = first
        self._at += 1
        while self._is("."):
            self._at += 1
            if self._peek().kind in {Kind.WORD, Kind.QUOTED}:
                last = self._peek()
                self._at += 1
        name = "" if last.text in self._made else last.text
        if self._of_trigger and name in _OF_A_TRIGGER:
            name = self._of_trigger
        return NamedTable(name=name, alias=last.text, place=self._source.place(last.start))

    def _skip(self, count: int) -> None:
        self._at += count

    def _skip_brackets(self) -> None:
        depth = 0
        while self._peek():
            depth += self._is("(") - self._is(")")
            self._at += 1
            if depth <= 0:
                return

    def _name(self) -> None:
        """Read a column, a function or an alias."""
        before, word = self._peek(-1), self._peek()
        operand = before.kind in {Kind.QUOTED, Kind.VALUE} or before.text == ")"
        operand = operand or (
            before.kind is Kind.WORD and (before.text not in _NO_COLUMN or before.text in {"null", "end"})
        )
        operand = operand and self._at != self._behind_top
        parts = [word]
        self._at += 1
        while self._is(".") and (self._peek(1).kind in {Kind.WORD, Kind.QUOTED} or self._is("*", ahead=1)):
            parts.append(self._peek(1))
            self._at += 2
        if self._is("(") and word.kind is Kind.WORD:
            return  # a function
        if self._query is None:
            return
        if len(parts) > 1:
            self._note(parts[-1].text, parts[-2].text, parts[-1])
        elif operand:
            self._query.aliases.add(word.text)
        else:
            self._note(word.text, "", word)

    def _note(self, name: str, qualifier: str, word: Word) -> None:
        if self._query is None:
            return
        column = NamedColumn(name=name, qualifier=qualifier, place=self._source.place(word.start))
        late = self._query.clause in {"order", "group", "having"}
        (self._query.late if late else self._query.columns).append(column)
