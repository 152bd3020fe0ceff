"""The procedure rules: which functions read bytes, text or either, and which names are gone.

They stand in ``rules/procedures/*.toml``; each file names its source and holds its own cases.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from upgrade_kit.errors import RulesError
from upgrade_kit.model.rewrite import Rule
from upgrade_kit.planning.rulebook import rule_folders
from upgrade_kit.rewriting.observations import Want

RETURNS = frozenset(
    {
        "number",
        "whole of numpy",
        "text",
        "texts",
        "part",
        "parts",
        "cells",
        "rows of text",
        "records",
        "view",
        "bytes",
        "list of bytes",
    }
    | {"bytes stream", "text stream", "same", "list of same", "path", "other"}  # operations.returned
    | {"by format", "by dtype", "by struct", "by typecode", "array"}  # reader_calls.ReaderCall
)
NOWHERE = 99  # the place of an argument that a function has not
WANTS = {
    "bytes": (Want.BYTES, "reads bytes"),
    "text": (Want.TEXT, "reads text"),
    "either text": (Want.EITHER_TEXT, "gives the same from FILE and from BIN_FILE"),
    "either bytes": (Want.EITHER_BYTES, "gives the same from FILE and from BIN_FILE"),
    "any": (Want.ANY, "does not touch the content"),
    "lines": (Want.ITERATES, "goes through the lines"),
    "review": (Want.REVIEW, "is not known to give the same on both versions"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What a function does with what it is given.

    Attributes:
        names: full names (``PIL.Image.open``).
        argument: the place of the file or the content among the arguments.
        keywords: names of that argument.
        stream: what it needs of an open file.
        data: what it needs of content that was read.
        returns: see ``operations.returned``; also ``by format`` (struct) and ``by dtype`` (numpy).
        dtype_argument: the place of ``dtype``.
        text_with: keywords with which it reads text from both.
        review_with: keywords with which the kit does not know what comes out.
        by_descriptor: it reads below Python, from the operating system's file.
        rule: id of the rule.
    """

    names: tuple[str, ...]
    argument: int
    keywords: tuple[str, ...]
    stream: Want
    stream_words: str
    data: Want
    data_words: str
    returns: str
    dtype_argument: int
    text_with: tuple[str, ...]
    review_with: tuple[str, ...]
    by_descriptor: bool
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingMethod:
    """A method of an object that a library made."""

    returns: str
    data: Want
    data_words: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownThing:
    """An object that a library made.

    Attributes:
        methods: what calling each method gives.
        attributes: what each attribute is.
        elements: what going through it, or ``thing[key]``, gives.
        strict: an attribute that is not listed differs between the versions.
        others: what an attribute is that is not listed.
    """

    methods: Mapping[str, ThingMethod]
    attributes: Mapping[str, str]
    elements: str
    strict: bool
    others: str

    def attribute(self, name: str) -> str | None:
        """Return what an attribute is; a rule may name an ending: ``*UID``."""
        if name in self.attributes:
            return self.attributes[name]
        for pattern, word in self.attributes.items():
            if pattern.startswith("*") and name.endswith(pattern[1:]):
                return word
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A name that the new version has not, with the words to type instead."""

    what: str
    hint: str
    rule: str
    like: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An example in a rule file: a procedure and what must come out.

    Attributes:
        rule: id of the rule.
        title: what it shows.
        before: the procedure.
        after: the procedure after; ``None`` where it does not change.
        outcome: of an upload test; of any other test ``review`` where something is found, else ``unchanged``.
        type: of the test.
        macro_names: other tests of the site by macro name, each with its choices (``""`` if it has none).
    """

    rule: str
    title: str
    before: str
    after: str | None
    outcome: str
    type: str = "upload"
    macro_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All procedure rules."""

    readers: Mapping[str, Reader] = field(default_factory=dict)
    things: Mapping[str, KnownThing] = field(default_factory=dict)
    gone_names: Mapping[str, Gone] = field(default_factory=dict)
    gone_modules: Mapping[str, Gone] = field(default_factory=dict)
    gone_attributes: Mapping[str, Gone] = field(default_factory=dict)
    gone_methods: Mapping[str, Gone] = field(default_factory=dict)
    gone_members: Mapping[str, Gone] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    numeric_modules: frozenset[str] = frozenset()
    new_names: frozenset[str] = frozenset()
    dicom_names: Mapping[str, Gone] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Rule] = field(default_factory=dict)


@cache
def procedure_rules() -> Rules:
    """Return the rules of this installation; read once.

    Raises:
        RulesError: a file is wrong; it names file, key and reason.
    """
    return load_procedure_rules(rule_folders())


def load_procedure_rules(folders: Iterable[Path]) -> Rules:
    """Read ``procedures/*.toml`` of each folder, in order of file name.

    Raises:
        RulesError: a file is wrong; it names file, key and reason.
    """
    builder = _Builder()
    for folder in folders:
        for file in sorted((folder / "procedures").glob("*.toml")):
            builder.read(file)
    return builder.rules()


class _Builder:
    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}
        self._things: dict[str, KnownThing] = {}
        self._gone: dict[str, dict[str, Gone]] = {
            "name": {},
            "module": {},
            "attribute": {},
            "method": {},
            "member": {},
        }
        self._maps: dict[str, dict[str, str]] = {"aliases": {}, "constants": {}, "context": {}}
        self._lists: dict[str, set[str]] = {"modules": set(), "numeric_modules": set(), "new_names": set()}
        self._dicom_names: dict[str, Gone] = {}
        self._cases: list[Case] = []
        self._texts: dict[str, Rule] = {}
        self._named_things: list[tuple[str, str, str]] = []
        self._file = ""

    def rules(self) -> Rules:
        """Return all that was read."""
        for file, key, kind in self._named_things:
            if kind not in self._things:
                raise RulesError(file, key, f"no rule describes the thing {kind!r}")
        return Rules(
            readers=self._readers,
            things=self._things,
            gone_names=self._gone["name"],
            gone_modules=self._gone["module"],
            gone_attributes=self._gone["attribute"],
            gone_methods=self._gone["method"],
            gone_members=self._gone["member"],
            aliases=self._maps["aliases"],
            constants=self._maps["constants"],
            context=self._maps["context"],
            modules=frozenset(self._lists["modules"]),
            numeric_modules=frozenset(self._lists["numeric_modules"]),
            new_names=frozenset(self._lists["new_names"]),
            dicom_names=self._dicom_names,
            cases=tuple(self._cases),
            titles={rule: text.title for rule, text in self._texts.items()},
            texts=self._texts,
        )

    def read(self, file: Path) -> None:
        """Read one rule file."""
        self._file = str(file)
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RulesError(self._file, "", str(error)) from error
        rule = self._take(table, "id", str)
        if rule in self._texts:
            raise RulesError(self._file, "id", f"{rule} is the id of another rule file too")
        self._texts[rule] = Rule(
            id=rule,
            title=self._take(table, "title", str),
            why=self._take(table, "why", str),
            source=self._take(table, "source", str),
        )
        for number, entry in enumerate(self._tables(table, "reader")):
            self._reader(entry, rule, f"reader[{number}]")
        for number, entry in enumerate(self._tables(table, "thing")):
            self._thing(entry, rule, f"thing[{number}]")
        for number, entry in enumerate(self._tables(table, "gone")):
            self._gone_entry(entry, rule, f"gone[{number}]")
        self._read_dicom_names(str(table.pop("dicom_names", "")), rule)
        for name, known in self._maps.items():
            known.update(self._words(table, name))
        for name, members in self._lists.items():
            members.update(self._strings(table, name, name))
        self._read_cases(table, rule)
        self._no_more(table, "")

    def _read_dicom_names(self, pairs: str, rule: str) -> None:
        """Read ``old keyword``, one pair a line: far quicker to load than a table of as many keys."""
        for line in pairs.splitlines():
            old, _, keyword = line.partition(" ")
            if not keyword.isidentifier():
                raise RulesError(self._file, "dicom_names", f"{line!r} is not an old name and a keyword")
            what = f".{old} is an old name, which pydicom 1.1 does not know"
            self._dicom_names[old] = Gone(what=what, hint=f".{keyword}", rule=rule)

    def _read_cases(self, table: dict[str, object], rule: str) -> None:
        outcomes = set()
        for number, entry in enumerate(self._tables(table, "case")):
            key = f"case[{number}]"
            title = self._take(entry, "title", str, key)
            before = self._take(entry, "before", str, key)
            after = entry.pop("after", None)
            outcome = str(entry.pop("outcome", "unchanged" if after is None else "rewrite"))
            if outcome not in {"rewrite", "unchanged", "review", "error"}:
                raise RulesError(self._file, f"{key}.outcome", f"{outcome!r} is not an outcome")
            case = Case(
                rule=rule,
                title=title,
                before=before,
                after=None if after is None else str(after),
                outcome=outcome,
                type=str(entry.pop("type", "upload")),
                macro_names=self._words(entry, "macro_names"),
            )
            self._no_more(entry, key)
            outcomes.add(outcome)
            self._cases.append(case)
        if not outcomes - {"unchanged"}:
            raise RulesError(self._file, "case", "has no case where the rule does something")
        if "unchanged" not in outcomes:
            raise RulesError(self._file, "case", "has no case where nothing happens")

    def _reader(self, entry: dict[str, object], rule: str, key: str) -> None:
        stream = str(entry.pop("stream", "review"))
        data = str(entry.pop("data", "review"))
        for name, word in (("stream", stream), ("data", data)):
            if word not in WANTS:
                raise RulesError(self._file, f"{key}.{name}", f"{word!r} is none of {', '.join(WANTS)}")
        reader = Reader(
            names=tuple(self._strings(entry, "names", key)),
            argument=self._number(entry, "argument", key),
            keywords=tuple(self._strings(entry, "keywords", key)),
            stream=WANTS[stream][0],
            stream_words=WANTS[stream][1],
            data=WANTS[data][0],
            data_words=WANTS[data][1],
            returns=self._returns(str(entry.pop("returns", "other")), f"{key}.returns"),
            dtype_argument=self._number(entry, "dtype_argument", key, default=NOWHERE),
            text_with=tuple(self._strings(entry, "text_with", key)),
            review_with=tuple(self._strings(entry, "review_with", key)),
            by_descriptor=bool(entry.pop("by_descriptor", False)),
            rule=rule,
        )
        self._no_more(entry, key)
        for name in reader.names:
            if name in self._readers:
                raise RulesError(self._file, f"{key}.names", f"{name} stands in {self._readers[name].rule} too")
            self._readers[name] = reader

    def _thing(self, entry: dict[str, object], rule: str, key: str) -> None:
        kind = self._take(entry, "kind", str, key)
        methods: dict[str, ThingMethod] = {}
        for name, word in self._words(entry, "methods").items():
            wants, arrow, returns = word.partition(" -> ")
            if not arrow:
                wants, returns = "review", word
            if wants not in WANTS:
                raise RulesError(self._file, f"{key}.methods.{name}", f"{wants!r} is none of {', '.join(WANTS)}")
            methods[name] = ThingMethod(
                returns=self._returns(returns, f"{key}.methods.{name}"),
                data=WANTS[wants][0],
                data_words=WANTS[wants][1],
                rule=rule,
            )
        self._things[kind] = KnownThing(
            methods=methods,
            attributes={
                name: self._returns(word, f"{key}.attributes.{name}")
                for name, word in self._words(entry, "attributes").items()
            },
            elements=self._returns(str(entry.pop("elements", "other")), f"{key}.elements"),
            strict=bool(entry.pop("strict", False)),
            others=self._returns(str(entry.pop("others", "other")), f"{key}.others"),
        )
        self._no_more(entry, key)

    def _gone_entry(self, entry: dict[str, object], rule: str, key: str) -> None:
        kind = self._take(entry, "kind", str, key)
        if kind not in self._gone:
            raise RulesError(self._file, f"{key}.kind", f"{kind!r} is none of {', '.join(self._gone)}")
        hint = self._take(entry, "hint", str, key)
        what = str(entry.pop("what", "{name} is gone on the target version"))
        like = str(entry.pop("like", ""))
        for name in self._strings(entry, "names", key):
            gone = Gone(what=what.format(name=name), hint=hint, rule=rule, like=like)
            self._gone[kind][name] = gone
            if kind == "module" and "." in name:  # scipy.weave.inline(...), from scipy import weave
                self._gone["attribute"][name] = gone
        self._no_more(entry, key)

    def _returns(self, word: str, key: str) -> str:
        kind, _, thing = word.partition(" ")
        if kind == "thing" and thing:
            self._named_things.append((self._file, key, thing))
        elif word not in RETURNS:
            raise RulesError(self._file, key, f"{word!r} is none of {', '.join(sorted(RETURNS))}, thing KIND")
        return word

    # -- taking values out of a table ----------------------------------------------------------------------

    def _take(self, table: dict[str, object], name: str, kind: type[str], key: str = "") -> str:
        value = table.pop(name, None)
        place = f"{key}.{name}" if key else name
        if value is None:
            raise RulesError(self._file, place, "is missing")
        if not isinstance(value, kind):
            raise RulesError(self._file, place, "must be text")
        return value

    def _tables(self, table: dict[str, object], name: str) -> list[dict[str, object]]:
        value = table.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise RulesError(self._file, name, "must be tables: [[...]]")
        return value

    def _words(self, table: dict[str, object], name: str) -> dict[str, str]:
        value = table.pop(name, {})
        if not isinstance(value, dict) or not all(isinstance(word, str) for word in value.values()):
            raise RulesError(self._file, name, "must be a table of texts")
        return value

    def _strings(self, table: dict[str, object], name: str, key: str) -> list[str]:
        value = table.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise RulesError(self._file, f"{key}.{name}", "must be a list of texts")
        return value

    def _number(self, table: dict[str, object], name: str, key: str, *, default: int = 0) -> int:
        value = table.pop(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise RulesError(self._file, f"{key}.{name}", "must be a whole number")
        return value

    def _no_more(self, table: dict[str, object], key: str) -> None:
        for name in table:
            raise RulesError(self._file, f"{key}.{name}" if key else name, "is not a key that the kit knows")
