"""One settings file in, one answer out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from upgrade_kit.errors import UsageError
from upgrade_kit.model.nearest import did_you_mean
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import Edit, Outcome
from upgrade_kit.model.settings_rewrite import LeftAlone, SettingsEdit, SettingsRewrite
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.rewriting.edits import edited
from upgrade_kit.rewriting.grammar import Python2Only, Python3, TooDeep, Unparsable, parse
from upgrade_kit.rewriting.made import Kept
from upgrade_kit.rewriting.runtime_text import Places
from upgrade_kit.rewriting.settings.database import ENGINE, OPTIONS, database_changes
from upgrade_kit.rewriting.settings.module import MOST_CHARACTERS, SettingsModule
from upgrade_kit.rewriting.settings.names import IMPORTS, import_changes, name_changes, with_heading
from upgrade_kit.rewriting.settings.proposals import Doubt, Proposal, Proposals
from upgrade_kit.rewriting.settings.python2 import PYTHON2, conversion, gone_from_python3, otherwise_on_python3

_PYTHON2_WHY = "Only Python 2 can run it as it is; this means the same on Python 3."
_PYTHON2_SOURCE = "docs.python.org/3/whatsnew/3.0.html"


def rewrite_settings(
    text: str,
    *,
    source: str | None = None,
    target: str = "0.3.0",
    only: Collection[str] = (),
    exclude: Collection[str] = (),
    beside: Collection[str] = (),
) -> SettingsRewrite:
    """Decide what a site's ``local_settings.py`` must become for a later version. Nothing is executed.

    Args:
        text: the file's text, with its line ends as they are.
        source: the version that the settings were written for; by default any before the target, which is right for
            all of them: what has been done already is not done again.
        target: the version that is to read them.
        only: make no other changes than those for these names.
        exclude: do not make the changes for these names.
        beside: modules that stand in the same folder as the file.

    Returns:
        The answer. ``source`` of the answer is the very same string unless there are edits. It holds the file's
        secrets; ``Secrets`` hides them before anything is shown.

    Raises:
        VersionError: there is no path from the one version to the other.
        UsageError: ``only`` or ``exclude`` names nothing that can change.
        RulesError: a rules file is wrong.
    """
    path = path_to(source, target)
    chosen = _Chosen.of(path, only, exclude)
    answer = _answered(text, path, chosen, beside)
    if answer.outcome is Outcome.REWRITE:
        again = _answered(answer.source, path, chosen, beside)
        if again.edits or again.outcome is not Outcome.UNCHANGED:
            return _review(text, "the text after would be changed again", answer.left)
    return answer


def path_to(source: str | None, target: str) -> UpgradePath:
    """Return the path whose changes count: without a source, from the first version that leads to the target.

    Raises:
        VersionError: there is no such path.
    """
    graph = VersionGraph.load()
    if source is not None:
        return graph.path(source, target)
    start = graph.resolve(target).version
    while (before := next((hop.source for hop in graph.hops if hop.target == start), None)) is not None:
        start = before
    return graph.path(start, target)


@dataclass(frozen=True, slots=True)
class _Chosen:
    only: frozenset[str]
    exclude: frozenset[str]

    @classmethod
    def of(cls, path: UpgradePath, only: Collection[str], exclude: Collection[str]) -> _Chosen:
        known = [ENGINE, OPTIONS, *(change.name for hop in path.hops for change in hop.settings), IMPORTS, PYTHON2]
        for name in (*only, *exclude):
            if name not in known:
                raise UsageError(
                    f"{name}: no change goes by this name",
                    hint=did_you_mean(name, known) or f"These do: {', '.join(known)}.",
                )
        return cls(frozenset(only), frozenset(exclude))

    def __contains__(self, name: str) -> bool:
        return (not self.only or name in self.only) and name not in self.exclude


def _answered(text: str, path: UpgradePath, chosen: _Chosen, beside: Collection[str]) -> SettingsRewrite:
    dialect = parse(text)
    match dialect:
        case Unparsable(line, what):
            reason = f"neither Python 2 nor 3 can parse it: {what} (line {line})"
            return SettingsRewrite(outcome=Outcome.ERROR, reason=reason, before=text, source=text)
        case TooDeep(what):
            return _review(text, what)
        case Python2Only() | Python3() if len(text) > MOST_CHARACTERS:
            return _review(text, f"it is longer than {MOST_CHARACTERS} characters")
        case Python2Only() | Python3():
            pass
    first = conversion(text, dialect) if PYTHON2 in chosen else ()
    if isinstance(first, Kept):
        return _review(text, _python2_only(dialect, f"{first.what} (line {first.line})"))
    if isinstance(dialect, Python2Only) and not first:
        return _review(text, _python2_only(dialect, "its conversion is left out"))
    module = SettingsModule.read(edited(text, first))
    if module is None:
        return _review(text, "LibCST cannot take it apart and put it together again")
    found = database_changes(module, path) + import_changes(module, beside) + name_changes(module, path)
    return _put_together(text, first, module, found, _Wanted(path, chosen, isinstance(dialect, Python2Only)))


@dataclass(frozen=True, slots=True)
class _Wanted:
    path: UpgradePath
    chosen: _Chosen
    was_python2: bool


def _put_together(
    text: str, first: tuple[Edit, ...], module: SettingsModule, found: Proposals, wanted: _Wanted
) -> SettingsRewrite:
    back = _Back(text, first)
    doubts = [LeftAlone(name=one.name, line=back.line(module, one), reason=one.reason) for one in found.doubts]
    told = [*gone_from_python3(text), *(otherwise_on_python3(text, first) if wanted.was_python2 else ())]
    doubts += [LeftAlone(name=one.name, line=one.line, reason=one.reason) for one in told]
    left = tuple(sorted(dict.fromkeys(doubts), key=lambda one: (one.line, one.name)))
    changes = [change for change in found.changes if change.name in wanted.chosen]
    offers = tuple(change for change in changes if not change.before and change.start == len(module.text))
    changes = [change for change in changes if change not in offers]
    changes += with_heading(module.text, wanted.path, offers)
    edits = back.edits(changes)
    if edits is None:
        return _review(text, "two changes would meet in one place", left)
    after = edited(text, (_plain(edit) for edit in edits))
    if not edits:
        reason = f"{wanted.path.target.version} reads it as it is" if not left else "nothing that the kit may change"
        return SettingsRewrite(outcome=Outcome.UNCHANGED, reason=reason, before=text, source=text, left=left)
    if not isinstance(parse(after), Python3):
        return _review(text, "the text after does not parse", left)
    names = ", ".join(dict.fromkeys(edit.name for edit in edits))
    return SettingsRewrite(outcome=Outcome.REWRITE, reason=names, before=text, source=after, edits=edits, left=left)


class _Back:
    """From places in the text after the conversion from Python 2 to those in the file."""

    def __init__(self, text: str, first: tuple[Edit, ...]) -> None:
        self._text = text
        self._first = first
        self._places = Places(text)
        self._starts: list[int] = []  # of what the conversion wrote, in the text after it
        shift = 0
        for edit in first:
            self._starts.append(edit.offset + shift)
            shift += len(edit.after) - len(edit.before)

    def line(self, module: SettingsModule, doubt: Doubt) -> int:
        """Return the line of the file; the conversion adds no lines and takes none away, but inside statements."""
        if not self._first or not doubt.line:
            return doubt.line
        offset = self._offset(module.offset_of_line(doubt.line))
        return self._places.line_and_column(offset)[0]

    def _offset(self, later: int) -> int:
        number = bisect_right(self._starts, later) - 1
        if number < 0:
            return later
        edit = self._first[number]
        behind = later - self._starts[number] - len(edit.after)
        return edit.offset + len(edit.before) + behind if behind >= 0 else edit.offset

    def edits(self, changes: list[Proposal]) -> tuple[SettingsEdit, ...] | None:
        """Return all changes as edits of the file, in order; None where two meet."""
        made = [
            SettingsEdit(
                line=edit.line,
                column=edit.column,
                offset=edit.offset,
                before=edit.before,
                after=edit.after,
                name=PYTHON2,
                why=_PYTHON2_WHY,
                source=f"{_PYTHON2_SOURCE} ({edit.rule})",
            )
            for edit in self._first
        ]
        for change in changes:
            offset = self._offset(change.start)
            if self._text[offset : offset + len(change.before)] != change.before:
                return None
            line, column = self._places.line_and_column(offset)
            made.append(
                SettingsEdit(
                    line=line,
                    column=column,
                    offset=offset,
                    before=change.before,
                    after=change.after,
                    name=change.name,
                    why=change.why,
                    source=change.source,
                )
            )
        made.sort(key=lambda edit: (edit.offset, len(edit.before)))  # of those at one place, insertions come first
        for one, other in pairwise(made):
            if other.offset < one.offset + len(one.before):
                return None
        return tuple(made)


def _plain(edit: SettingsEdit) -> Edit:
    return Edit(
        line=edit.line, column=edit.column, offset=edit.offset, before=edit.before, after=edit.after, rule=edit.name
    )


def _python2_only(dialect: Python3 | Python2Only, why: str) -> str:
    what = f"{dialect.what} (line {dialect.line})" if isinstance(dialect, Python2Only) else "something in it"
    return f"only Python 2 can run it: {what}; the kit does not convert it: {why}"


def _review(text: str, reason: str, left: tuple[LeftAlone, ...] = ()) -> SettingsRewrite:
    return SettingsRewrite(outcome=Outcome.REVIEW, reason=reason, before=text, source=text, left=left)
