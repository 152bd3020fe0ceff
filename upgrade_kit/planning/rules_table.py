"""A table of a rules file, read key by key, each mistake told by file, key and reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from packaging.version import InvalidVersion, Version

from upgrade_kit.errors import RulesError

_STATUSES = range(1 << 16)  # of Windows; POSIX has fewer

# packaging.specifiers takes 15 ms to import, half of what `path` may take in all. This is the part
# of PEP 440 that rules need; `===`, which PEP 440 advises against, is not in it.
_CLAUSE = re.compile(r"(==|!=)(?P<prefix>[^*,\s]+)\.\*|(~=|==|!=|<=|>=|<|>)(?P<version>[^*,=\s]+)")


class RulesTable:
    """One table of a rules file; every key must be asked for, and what is left over is wrong."""

    def __init__(self, values: dict[str, object], file: str, prefix: str = "") -> None:
        self.file = file
        self._prefix = prefix
        self._values = dict(values)

    def wrong(self, key: str, reason: str) -> RulesError:
        """Return the error that tells what is wrong with a key."""
        return RulesError(self.file, f"{self._prefix}{key}", reason)

    def done(self) -> None:
        """Refuse what no one asked for."""
        for key in self._values:
            raise self.wrong(key, "no such key; look for a misspelling")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text, its blanks and line ends made single blanks."""
        if default is not None and key not in self._values:
            return default
        value = self._take(key)
        if not isinstance(value, str):
            raise self.wrong(key, f"must be a string, not {_kind(value)}")
        if not value.strip() and default is None:
            raise self.wrong(key, "must not be empty")
        return " ".join(value.split())

    def texts(self, key: str) -> tuple[str, ...]:
        """Return an array of strings."""
        return self._strings(key, self._take(key))

    def words(self, key: str) -> tuple[str, ...]:
        """Return words of a command, none where the key is absent; each can be typed on one line."""
        words = self.texts(key) if key in self._values else ()
        for index, word in enumerate(words):
            if not word.strip() or not word.isprintable():
                raise self.wrong(f"{key}[{index}]", "must be one word to type")
        return words

    def whole(self, key: str, default: int) -> int:
        """Return a whole number from 1 on, or the default where the key is absent."""
        value = self._take(key) if key in self._values else default
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.wrong(key, f"must be a whole number from 1 on, not {_kind(value)}")
        return value

    def statuses(self, key: str) -> tuple[int, ...]:
        """Return exit statuses; where the key is absent, 0."""
        value = self._take(key) if key in self._values else [0]
        if not isinstance(value, list) or not value:
            raise self.wrong(key, f"must be an array of exit statuses, not {_kind(value)}")
        for index, status in enumerate(value):
            if not isinstance(status, int) or isinstance(status, bool) or status not in _STATUSES:
                raise self.wrong(f"{key}[{index}]", "is no exit status (0 to 65535)")
        return tuple(value)

    def choices(self, key: str, choices: Iterable[str]) -> tuple[str, ...]:
        """Return some of the choices, none where the key is absent."""
        known = tuple(choices)
        found = self.texts(key) if key in self._values else ()
        for index, text in enumerate(found):
            if text not in known:
                raise self.wrong(f"{key}[{index}]", f"{text!r} is none of {listed(known)}")
        return found

    def version(self, key: str) -> Version:
        """Return a version."""
        text = self.text(key)
        try:
            return Version(text)
        except InvalidVersion:
            raise self.wrong(key, f"{text!r} is not a version") from None

    def version_or_none(self, key: str) -> Version | None:
        """Return a version, or none where the key is absent."""
        return self.version(key) if key in self._values else None

    def versions(self, key: str) -> tuple[Version, ...]:
        """Return an array of versions, none where the key is absent."""
        found = []
        for index, text in enumerate(self.texts(key) if key in self._values else ()):
            try:
                found.append(Version(text))
            except InvalidVersion:
                raise self.wrong(f"{key}[{index}]", f"{text!r} is not a version") from None
        return tuple(found)

    def choice(self, key: str, choices: Iterable[str], default: str | None = None) -> str:
        """Return one of the choices, or the default where the key is absent."""
        text = self.text(key, default)
        if text not in (known := tuple(choices)):
            raise self.wrong(key, f"{text!r} is none of {listed(known)}")
        return text

    def specifier(self, key: str, text: str) -> str:
        """Return a text of the key, once it is known to be a version specifier."""
        clauses = [clause.strip() for clause in text.split(",")]
        for clause in clauses:
            match = _CLAUSE.fullmatch(clause)
            try:
                if match is None:
                    raise InvalidVersion  # noqa: TRY301 - both ways of being wrong are told alike
                Version(match["prefix"] or match["version"])
            except InvalidVersion:
                raise self.wrong(key, f"{text!r} is not a version specifier like '>=3.4,<3.7' or '==0.3.0.*'") from None
        return text

    def table(self, key: str) -> RulesTable | None:
        """Return a table, or ``None`` where the key is absent."""
        return RulesTable(self._table(key), self.file, f"{self._prefix}{key}.") if key in self._values else None

    def tables(self, key: str, *, required: bool = True) -> Iterator[RulesTable]:
        """Yield the tables of an array of tables."""
        if not required and key not in self._values:
            return
        value = self._take(key)
        if not isinstance(value, list) or (required and not value):
            raise self.wrong(key, f"must be an array of tables ([[{key}]]), at least one")
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise self.wrong(f"{key}[{index}]", f"must be a table, not {_kind(item)}")
            yield RulesTable(item, self.file, f"{self._prefix}{key}[{index}].")

    def lists(self, key: str, *, required: bool = True) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return a table of lists of strings, in the file's order; none where the key is absent and may be."""
        table = self._table(key) if required or key in self._values else {}
        return tuple((name, self._strings(f"{key}.{name}", value)) for name, value in table.items())

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return a table of strings, in the file's order; none where the key is absent."""
        found = []
        for name, value in (self._table(key) if key in self._values else {}).items():
            if not isinstance(value, str):
                raise self.wrong(f"{key}.{name}", f"must be a string, not {_kind(value)}")
            found.append((name, value))
        return tuple(found)

    def _table(self, key: str) -> dict[str, object]:
        value = self._take(key)
        if not isinstance(value, dict):
            raise self.wrong(key, f"must be a table ([{key}]), not {_kind(value)}")
        return value

    def _take(self, key: str) -> object:
        try:
            return self._values.pop(key)
        except KeyError:
            raise self.wrong(key, "is missing") from None

    def _strings(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self.wrong(key, f"must be an array of strings, not {_kind(value)}")
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise self.wrong(f"{key}[{index}]", f"must be a string, not {_kind(item)}")
        return tuple(value)


def listed(names: Iterable[str]) -> str:
    """Return names for a message."""
    return ", ".join(names)


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a float", str: "a string", list: "an array"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a date or time")
