"""What breaks in the procedures of tests that are given no file: composites, and the like.

Nothing here is ever rewritten. In such a procedure ``FILE`` is the macro name of another test, or nothing
(``CompositeCalculation`` in ``qatrack/qa/views/perform.py``, tags v0.2.8 to v0.3.0).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from upgrade_kit.model.finding import Finding, Severity
from upgrade_kit.model.rewrite import MacroName, OtherProcedure, Procedure
from upgrade_kit.rewriting.edits import PlacesAfter, edited
from upgrade_kit.rewriting.findings import finding, shadowed, told
from upgrade_kit.rewriting.flow import observe
from upgrade_kit.rewriting.grammar import Python2Only, Python3, TooDeep, Unparsable, parse
from upgrade_kit.rewriting.made import Kept
from upgrade_kit.rewriting.readers import Rules, procedure_rules
from upgrade_kit.rewriting.runtime_text import Places, split_lines
from upgrade_kit.rewriting.scopes import stored_names
from upgrade_kit.rewriting.spread import spread

if TYPE_CHECKING:
    from concurrent.futures import Executor

CALCULATED = frozenset({"upload", "composite", "scomposite"})  # qatrack/qa/models.py, CALCULATED_TYPES
CHOICES = "multchoice"
MOST_NAMED = 12

# A name, or what holds none: strings with their prefix, and comments. As QATrack+ tokenises, attributes count.
_TOKEN = re.compile(
    r"(?:\b[rRbBuUfF]{1,3})?(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\r\n])*'|\"(?:\\.|[^\"\\\r\n])*\")"
    r"|#[^\r\n]*|(?P<name>[^\W\d]\w*)",
    re.DOTALL,
)


class Neighbours:
    """What the tests of a site are to one another.

    Args:
        procedures: the tests with a procedure.
        macro_names: every test of the site; ``None`` where only those with a procedure are known.
    """

    def __init__(self, procedures: Iterable[Procedure], macro_names: Iterable[MacroName] | None = None) -> None:
        self._procedures = tuple(procedures)
        self.complete = macro_names is not None
        self.by_slug: dict[str, list[MacroName]] = {}
        for test in macro_names or ():
            self.by_slug.setdefault(test.slug, []).append(test)
        if macro_names is None:
            for procedure in self._procedures:
                known = MacroName(test_id=procedure.test_id, slug=procedure.slug, type=procedure.type)
                self.by_slug.setdefault(procedure.slug, []).append(known)
        self._assigned: dict[str, list[str]] | None = None

    def supplied(self, procedure: Procedure) -> frozenset[str]:
        """Return the macro names of other tests that stand in a procedure."""
        named = {match["name"] for match in _TOKEN.finditer(procedure.source or "") if match["name"]}
        return frozenset(
            name
            for name in named & self.by_slug.keys()
            if any(test.test_id != procedure.test_id for test in self.by_slug[name])
        )

    def choices_of(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Return the choices of each multiple-choice test with this macro name."""
        return tuple(dict.fromkeys(test.choices for test in self.by_slug.get(name, ()) if test.type == CHOICES))

    def assigned_in(self, name: str, *, besides: Procedure) -> list[str]:
        """Return the macro names of the composites that assign a name of their own."""
        if self._assigned is None:
            self._assigned = {}
            for procedure in self._procedures:
                if procedure.type in CALCULATED - {"upload"}:
                    for stored in _assigned(procedure.source or ""):
                        self._assigned.setdefault(stored, []).append(procedure.slug)
        slugs = self._assigned.get(name, [])
        return slugs if besides.slug not in slugs else [slug for slug in slugs if slug != besides.slug]


def look_at_others(
    procedures: Sequence[Procedure],
    neighbours: Neighbours,
    *,
    choices_change: bool = False,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[tuple[OtherProcedure, ...], str]:
    """Return the tests that are no upload tests and in whose procedure something was found, by test id.

    Args:
        procedures: tests with their procedures; upload tests are left out.
        neighbours: all tests of the site.
        choices_change: whether the upgrade goes through 0.2.9, where multiple-choice values become text.
        executor: what shares the work; ``None`` for this process.
        progress: called with how many texts have been looked at.

    Returns:
        Them, and what went wrong with the executor, or ``""``.
    """
    found = []
    known: dict[tuple[str | None, str, str], tuple[Finding, ...]] = {}
    others = sorted((p for p in procedures if p.type != "upload" and (p.source or "").strip()), key=lambda p: p.test_id)
    first = list({(procedure.source, procedure.slug, procedure.type): procedure for procedure in others}.values())
    asked = [(procedure, neighbours.supplied(procedure)) for procedure in first]
    answers, problem = spread(_look, asked, executor, progress)
    for procedure, looked in zip(first, answers, strict=True):
        key = (procedure.source, procedure.slug, procedure.type)
        known[key] = _findings(procedure, looked, neighbours, choices_change=choices_change)
    for procedure in others:
        findings = known[procedure.source, procedure.slug, procedure.type]
        if findings:
            found.append(OtherProcedure(procedure=procedure, findings=findings))
    return tuple(found), problem


def findings_of(
    procedure: Procedure,
    neighbours: Neighbours | None = None,
    rules: Rules | None = None,
    *,
    choices_change: bool = False,
) -> tuple[Finding, ...]:
    """Return what breaks in the procedure of a test that is no upload test.

    Args:
        procedure: the test and its text.
        neighbours: all tests of the site, by default this one alone.
        rules: the procedure rules; by default those of this installation.
        choices_change: whether the upgrade goes through 0.2.9, where multiple-choice values become text.

    Raises:
        RulesError: a rules file is wrong.
    """
    neighbours = neighbours or Neighbours((procedure,))
    looked = _look((procedure, neighbours.supplied(procedure)), rules)
    return _findings(procedure, looked, neighbours, choices_change=choices_change)


def _findings(
    procedure: Procedure, looked: _Looked, neighbours: Neighbours, *, choices_change: bool
) -> tuple[Finding, ...]:
    """Return what was seen in a procedure by itself, and what its neighbours make of it."""
    found = [*looked.told]
    if procedure.type in CALCULATED:
        found += _unknown_names(looked.unknown_names, procedure, neighbours)
        found += looked.shadowed
    if choices_change:
        found += uses_of_choices(procedure, neighbours)
    if procedure.type not in CALCULATED:
        found = [_never_run(one, procedure.type) for one in found]
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What a procedure shows by itself.

    Attributes:
        told: what breaks in it.
        unknown_names: names that nothing supplies, with the line as an editor shows it.
        shadowed: its own variables that have the name of something that 0.3.0 supplies.
    """

    told: tuple[Finding, ...] = ()
    unknown_names: Mapping[str, int] = field(default_factory=dict)
    shadowed: tuple[Finding, ...] = ()


def _look(question: tuple[Procedure, frozenset[str]], rules: Rules | None = None) -> _Looked:
    """Look at one procedure by itself, knowing which macro names of other tests stand in it."""
    procedure, supplied = question
    rules = rules or procedure_rules()
    source = procedure.source or ""
    dialect = parse(source)
    if isinstance(dialect, Python3):
        return _look_at_tree(dialect.tree, Places(source), procedure, supplied, rules)
    if isinstance(dialect, Python2Only):
        return _look_at_python2(question, dialect, rules)
    return _Looked(told=tuple(_unfit(dialect)))


def _unfit(dialect: Python2Only | Unparsable | TooDeep) -> Iterator[Finding]:
    match dialect:
        case Unparsable(line, what):
            yield finding(
                Severity.WARNING,
                line,
                f"cannot be parsed as Python 2 or 3: {what}",
                "correct it in QATrack+'s admin",
                "",
            )
        case TooDeep(what):
            yield finding(Severity.WARNING, 1, what, "read it and decide", "UK490")
        case Python2Only(line, what):
            only = "only Python 2 can run this"
            hint = "write it so that Python 3 can run it, then run rewrite-calcs again"
            yield finding(Severity.ERROR, line, f"{only}: {what}", hint, "UK420")


def _look_at_python2(question: tuple[Procedure, frozenset[str]], dialect: Python2Only, rules: Rules) -> _Looked:
    """Look at what only Python 2 can run: the line as Python 3 wants it, and what else would break."""
    from upgrade_kit.rewriting.conversion import converted  # noqa: PLC0415 - loads fissix

    procedure, supplied = question
    source = procedure.source or ""
    found = converted(source, slug=procedure.slug)
    if isinstance(found, Kept):
        return _Looked(told=tuple(_unfit(dialect)))
    syntax, tree = found
    after = split_lines(edited(source, syntax.edits))
    same_lines = len(after) == len(split_lines(source))
    only = []
    for made in syntax.made:
        hint = f"write: {after[made.line - 1].strip()}" if same_lines else "write it so that Python 3 can run it"
        construct = made.what.partition(",")[0]  # without how it was converted, which the hint shows
        only.append(finding(Severity.ERROR, made.line, f"only Python 2 can run this: {construct}", hint, made.rule))
    looked = _look_at_tree(tree, PlacesAfter(source, syntax.edits), procedure, supplied, rules)
    return replace(looked, told=(*only, *looked.told))


def _look_at_tree(
    tree: ast.Module, places: Places, procedure: Procedure, supplied: frozenset[str], rules: Rules
) -> _Looked:
    seen = observe(tree, rules, slug=procedure.slug, supplied=supplied)
    return _Looked(
        told=tuple(told(seen, places)),
        unknown_names={name: places.line(line) for name, line in seen.unknown_names.items()},
        shadowed=tuple(shadowed(seen, tree, places, composite=True)),
    )


def _unknown_names(unknown_names: Mapping[str, int], procedure: Procedure, neighbours: Neighbours) -> Iterator[Finding]:
    if not neighbours.complete:
        return
    for name, line in unknown_names.items():
        others = neighbours.assigned_in(name, besides=procedure)
        if others:
            yield finding(
                Severity.ERROR,
                line,
                f"{name} is a variable of another test's procedure ({_some(others)}); "
                "0.3.0 takes such names away after each test",
                f"make {name} the macro name of a composite test, or calculate it here too",
                "UK429",
            )
        elif name != procedure.slug:
            yield finding(
                Severity.WARNING,
                line,
                f"{name} is the macro name of no test, and nothing that QATrack+ or Python supplies",
                "correct the name, or take the test out of use",
                "UK429",
            )


def uses_of_choices(procedure: Procedure, neighbours: Neighbours) -> Iterator[Finding]:
    """Yield the multiple-choice tests whose values a composite uses, with their choices and the lines.

    They are found by macro name alone, as QATrack+ finds what a composite depends on, so that the text need not parse.
    """
    if procedure.type not in CALCULATED - {"upload"}:
        return
    source = procedure.source or ""
    lines: dict[str, list[int]] = {}
    places = Places(source)
    for match in _TOKEN.finditer(source):
        name = match["name"]
        if name and neighbours.choices_of(name):
            lines.setdefault(name, []).append(places.line_and_column(match.start())[0])
    for name, used in lines.items():
        all_choices = neighbours.choices_of(name)
        listed = " or ".join(_numbered(choices) for choices in all_choices)
        first = next((choice for choices in all_choices for choice in choices), "its text")
        yield finding(
            Severity.WARNING,
            used[0],
            f"{name} is a multiple-choice test: its value was kept as a number up to 0.2.8 and is the choice's text "
            f"from 0.2.9 on ({listed}){_more_lines(used)}",
            f"after the upgrade to 0.2.9.1 compare with the text: {name} == {first!r}",
            "UK430",
        )


def _numbered(choices: Sequence[str]) -> str:
    shown = ", ".join(f"{number} {choice}" for number, choice in enumerate(choices[:MOST_NAMED]))
    more = len(choices) - MOST_NAMED
    return (f"{shown} and {more} more" if more > 0 else shown) or "no choices are written"


def _more_lines(numbers: Sequence[int]) -> str:
    different = sorted(set(numbers))
    return "" if len(different) == 1 else "; used in lines " + _some([str(number) for number in different])


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"


def _never_run(found: Finding, kind: str) -> Finding:
    message = f"{found.message} (QATrack+ 0.3.0 does not run the procedure of a test of type {kind})"
    return replace(found, severity=Severity.INFO, message=message)


def _assigned(source: str) -> Mapping[str, int]:
    dialect = parse(source)
    if isinstance(dialect, Python3):
        return stored_names(dialect.tree)
    return {match[1]: 0 for match in re.finditer(r"^([^\W\d]\w*)[ \t]*=(?!=)", source, re.MULTILINE)}
