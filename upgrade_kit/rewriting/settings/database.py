"""ENGINE and OPTIONS of DATABASES, where they are written out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import libcst as cst

from upgrade_kit.model.path import UpgradePath
from upgrade_kit.rewriting.settings.entries import without
from upgrade_kit.rewriting.settings.module import SettingsModule, Table, subscripted, text_of
from upgrade_kit.rewriting.settings.proposals import Doubt, Proposal, Proposals

ENGINE, OPTIONS, DATABASES = "ENGINE", "OPTIONS", "DATABASES"
_SECTION = "docs/install/win.rst (v0.3.0), Update your local_settings.py file"
_DEPTH = 3  # DATABASES, the alias, and what is said of it


def database_changes(module: SettingsModule, path: UpgradePath) -> Proposals:
    """Return what makes the engines ones that the target can load.

    Args:
        module: the settings.
        path: the way to the target.
    """
    return _Databases(module, path).run()


@dataclass(slots=True)
class _Alias:
    """What is written out of one database: the last value of each counts."""

    engines: list[cst.BaseExpression] = field(default_factory=list)
    options: list[cst.BaseExpression] = field(default_factory=list)


class _Databases:
    def __init__(self, module: SettingsModule, path: UpgradePath) -> None:
        self._module = module
        self._target = path.target
        self._replacements: dict[str, str] = {}
        self._read_by: dict[str, frozenset[str]] = {}
        for release in path.releases:
            self._replacements |= dict(release.engine_replacements)
            self._read_by |= {engine: frozenset(keys) for engine, keys in release.engine_options}
        self._aliases: dict[str, _Alias] = {}
        self._told: set[int] = set()
        self._uses: dict[str, int] = {}

    def run(self) -> Proposals:
        for statement in self._module.statements:
            if isinstance(statement, cst.Assign):
                for target in statement.targets:
                    where = subscripted(target.target)
                    if where is not None and where[0] == DATABASES:
                        self._gather(where[1:], statement.value)
        found = Proposals()
        for name, alias in self._aliases.items():
            found += self._engine(name, alias)
        return found + self._elsewhere()

    def _gather(self, where: tuple[str, ...], value: cst.BaseExpression) -> None:
        if len(where) == _DEPTH - 1:
            alias = self._aliases.setdefault(where[0], _Alias())
            if where[1] == ENGINE:
                alias.engines.append(value)
            elif where[1] == OPTIONS:
                alias.options.append(value)
            return
        table = self._module.table(self._followed(value))
        if table is None or len(where) >= _DEPTH:
            return
        if len(where) == 1:
            self._aliases.pop(where[0], None)  # assigned anew
        for entry in table.entries:
            if entry.key is not None:
                self._gather((*where, entry.key), entry.value)

    def _followed(self, value: cst.BaseExpression) -> cst.BaseExpression:
        """Return what a name stands for, where that is assigned once and used for nothing else."""
        if not isinstance(value, cst.Name):
            return value
        assigned = self._module.assignments(value.value)
        self._uses[value.value] = self._uses.get(value.value, 0) + 1
        return assigned[0].value if len(assigned) == 1 and self._module.names[value.value] == 2 else value  # noqa: PLR2004

    def _engine(self, name: str, alias: _Alias) -> Proposals:
        found = Proposals()
        engine: str | None = None
        for value in alias.engines:
            literal = self._followed(value)
            engine = text_of(literal)
            new = self._replacements.get(engine or "")
            if engine is None or not isinstance(literal, cst.SimpleString):
                found += self._doubt(value, ENGINE, f"{self._of(ENGINE, name)} is not written out as a text here")
            elif new is not None:
                found += Proposals((self._replaced(literal, engine, new),))
            elif engine not in self._target.engines:
                known = ", ".join(self._target.engines)
                said = f"{self._target.version} cannot load {engine!r}, and nothing is known to take its place"
                found += self._doubt(value, ENGINE, f"{said}. Name one that it can load: {known}.", whole=True)
        for value in alias.options:
            found += self._options(name, engine, value)
        return found

    def _replaced(self, literal: cst.SimpleString, old: str, new: str) -> Proposal:
        self._told.add(id(literal))
        start = self._module.start(literal)
        inner = literal.raw_value
        before = self._module.written(literal)
        return Proposal(
            start=start,
            before=before,
            after=before.replace(inner, new, 1),
            name=ENGINE,
            why=f"{self._target.version} cannot load {old}; {new} takes its place.",
            source=_SECTION,
        )

    def _options(self, name: str, engine: str | None, value: cst.BaseExpression) -> Proposals:
        gone = self._options_gone(engine)
        table = self._module.table(self._followed(value))
        if engine is None and table is not None:  # it is computed; a person has been told
            taken = ", ".join(sorted(frozenset().union(*self._read_by.values()) & table.keys()))
            said = f"{self._of(OPTIONS, name)} holds {taken}. Take out of it what only the engine before reads"
            return self._doubt(value, OPTIONS, said, end=".") if taken else Proposals()
        if not gone:
            return Proposals()
        if table is None:
            said = f"{self._of(OPTIONS, name)} is not written out as a dictionary here"
            return self._doubt(value, OPTIONS, f"{said}. Take out of it what was for {self._old_of(engine)}", end=".")
        doubts = tuple(self._unread(name, engine, table))
        if not gone & table.keys():
            return Proposals(doubts=doubts)
        if not table.is_whole:
            said = f"{self._of(OPTIONS, name)} holds more than plain texts as keys"
            taken = ", ".join(sorted(gone & table.keys()))
            return self._doubt(value, OPTIONS, f"{said}. Take out of it: {taken}", end=".")
        text = self._module.text
        return Proposals(
            tuple(
                Proposal(
                    start=start,
                    before=text[start:end],
                    after=after,
                    name=OPTIONS,
                    why=f"These were for {self._old_of(engine)}; {self._new_of(engine)} does not read them as such.",
                    source=_SECTION,
                )
                for start, end, after in without(text, table, gone)
            ),
            doubts,
        )

    def _options_gone(self, engine: str | None) -> frozenset[str]:
        """Return the keys that were for the engine before; what both engines know stays once the new one is named."""
        if engine in self._replacements:
            return self._read_by.get(engine, frozenset())
        before = [old for old, new in self._replacements.items() if new == engine]
        kept = self._read_by.get(engine or "", frozenset())
        return frozenset().union(*(self._read_by.get(old, frozenset()) for old in before)) - kept

    def _unread(self, name: str, engine: str | None, table: Table) -> Iterator[Doubt]:
        """Tell the keys that neither engine is known to read."""
        known = self._read_by.get(self._new_of(engine), frozenset()) | self._read_by.get(
            self._old_of(engine), frozenset()
        )
        for entry in table.entries:
            if known and entry.key is not None and entry.key not in known:
                line = self._module.line(entry.value)
                said = f"{entry.key} in {self._of(OPTIONS, name)} is nothing that {self._new_of(engine)} reads"
                yield Doubt(OPTIONS, line, f"{said}. Take it out if it is not needed.")

    def _old_of(self, engine: str | None) -> str:
        return next((old for old, new in self._replacements.items() if engine in (old, new)), "the engine before")

    def _new_of(self, engine: str | None) -> str:
        return self._replacements.get(engine or "", engine or "the new engine")

    def _of(self, key: str, alias: str) -> str:
        return f"{key} of {DATABASES}[{alias!r}]"

    def _doubt(self, value: cst.CSTNode, name: str, said: str, *, whole: bool = False, end: str = "") -> Proposals:
        if whole or end:
            return Proposals(doubts=(Doubt(name, self._module.line(value), f"{said}{end}"),))
        pairs = " ".join(f"Where it comes to '{old}', it must be '{new}'." for old, new in self._replacements.items())
        self._told |= {id(string) for string in self._module.nodes(cst.SimpleString, value)}
        return Proposals(doubts=(Doubt(name, self._module.line(value), f"{said}. {pairs}".strip()),))

    def _elsewhere(self) -> Proposals:
        """Tell where else an engine stands that the target cannot load: under a condition, in a function, in a call."""
        doubts = []
        for string in self._module.nodes(cst.SimpleString):
            new = self._replacements.get(text_of(string) or "")
            if new is not None and id(string) not in self._told:
                said = f"{self._module.written(string)} stands here too, where it is not plain what it is for"
                doubts.append(
                    Doubt(ENGINE, self._module.line(string), f"{said}. Where it is an ENGINE, write '{new}'.")
                )
        return Proposals(doubts=tuple(doubts))
