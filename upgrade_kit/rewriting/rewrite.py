"""One procedure in, one answer out."""

from __future__ import annotations

import ast
from dataclasses import replace

from upgrade_kit.model.finding import Finding, Severity
from upgrade_kit.model.rewrite import Edit, Outcome, Reads, Rewrite
from upgrade_kit.rewriting.conversion import Judged, converted, settle
from upgrade_kit.rewriting.edits import Stage, edited
from upgrade_kit.rewriting.findings import finding, shadowed, told
from upgrade_kit.rewriting.flow import observe
from upgrade_kit.rewriting.grammar import Python2Only, Python3, TooDeep, Unparsable, parse
from upgrade_kit.rewriting.made import Kept, Made
from upgrade_kit.rewriting.observations import Demand, Observations, Want
from upgrade_kit.rewriting.readers import Rules, procedure_rules
from upgrade_kit.rewriting.runtime_text import Places

RENAME = "UK401"
RENAME_NAME = "UK406"


def rewrite_procedure(
    source: str | None, *, slug: str = "", rules: Rules | None = None, python2: bool = True
) -> Rewrite:
    """Decide what a calculation procedure of an upload test must become for 0.3.0.

    The measure is what happens when it runs: under Python 2.7 with 0.2.9.1's ``FILE`` before, and under Python
    3.6 with 0.3.0's ``FILE`` (text) and ``BIN_FILE`` (bytes) after. Nothing is executed.

    Args:
        source: the text as stored; ``None`` for SQL NULL.
        slug: the test's macro name: with ``result`` the name whose value the test takes.
        rules: the procedure rules; by default those of this installation.
        python2: whether what only Python 2 can run is converted where that is provably right; else it is left alone
            and reported as ``review``.

    Returns:
        The answer. ``source`` of the answer is the very same string unless there are edits.

    Raises:
        RulesError: a rules file is wrong.
    """
    if source is None or not source.strip():
        return _unchanged(source, Reads.NOTHING, "it has no calculation procedure")
    answer, _ = _answered(source, slug, rules or procedure_rules(), python2=python2)
    if answer.outcome is Outcome.REWRITE and answer.source is not None:
        again, _ = _answered(answer.source, slug, rules or procedure_rules(), python2=python2)
        if again.outcome is not Outcome.UNCHANGED:
            reason = f"{answer.reason}; but the text after would be changed again"
            return replace(answer, outcome=Outcome.REVIEW, reason=reason, source=source, edits=())
    return answer


def judged_text(source: str, *, slug: str, rules: Rules, python2: bool) -> tuple[ast.Module, Places] | None:
    """Return the tree in which the answer of ``rewrite_procedure`` was found, and where things are in it.

    It is that of the text after the conversion from Python 2, where one was made, and before the rename of ``FILE``.
    None where no tree was judged.
    """
    judged = _answered(source, slug, rules, python2=python2)[1] if source.strip() else None
    return None if judged is None else (judged.tree, judged.stage.places)


def _answered(source: str, slug: str, rules: Rules, *, python2: bool) -> tuple[Rewrite, Judged | None]:
    dialect = parse(source)
    match dialect:
        case Unparsable(line, what):
            reason = f"cannot be parsed as Python 2 or 3: {what} (line {line})"
            return _answer(source, Outcome.ERROR, Reads.UNKNOWN, reason), None
        case TooDeep(what):
            return _answer(source, Outcome.REVIEW, Reads.UNKNOWN, what), None
        case Python2Only():
            return _from_python2(source, dialect, slug, rules, python2=python2)
        case Python3(tree):
            judged = _settled(Stage(source), tree, slug, rules, (), python2=python2)
            return judged.answer, judged


def _from_python2(
    source: str, dialect: Python2Only, slug: str, rules: Rules, *, python2: bool
) -> tuple[Rewrite, Judged | None]:
    """Convert what only Python 2 can parse, and judge the text after as every other."""
    problem = f"only Python 2 can run it: {dialect.what} (line {dialect.line})"
    hint = "write it so that Python 3 can run it, then run rewrite-calcs again"
    only = finding(Severity.ERROR, dialect.line, f"only Python 2 can run this: {dialect.what}", hint, "UK420")
    found = converted(source, slug=slug) if python2 else Kept(dialect.line, dialect.what)
    if isinstance(found, Kept):
        reads = Reads.UNKNOWN if "FILE" in source else Reads.NOTHING
        if found.what != dialect.what:
            problem += f"; the kit does not convert it: {found.what} (line {found.line})"
        return _answer(source, Outcome.REVIEW, reads, problem, findings=(only,)), None
    syntax, tree = found
    judged = _settled(Stage(source, syntax.edits), tree, slug, rules, syntax.made, python2=True)
    answer = judged.answer
    if answer.outcome is Outcome.REVIEW:
        answer = replace(answer, reason=f"{problem}, and {answer.reason}", findings=(only, *answer.findings))
    return answer, judged


def _settled(
    stage: Stage, tree: ast.Module, slug: str, rules: Rules, made: tuple[Made, ...], *, python2: bool
) -> Judged:
    """Judge a text; where only names that are gone stand in the way, judge it with what they are called now."""

    def judge(later: Stage, its_tree: ast.Module) -> tuple[Rewrite, Observations]:
        return _decide(later, its_tree, slug, rules)

    judged = Judged(stage, tree, *judge(stage, tree), made)
    if python2 and judged.seen.breaks and judged.answer.outcome is Outcome.REVIEW:
        judged = settle(judged, judge)
    if not judged.made:
        return judged
    hint = "nothing is to be done; the change is in the diff"
    conversions = tuple(
        finding(Severity.INFO, one.line, f"converted from Python 2: {one.what}", hint, one.rule) for one in judged.made
    )
    answer, first = judged.answer, judged.made[0]
    if answer.outcome is Outcome.REWRITE:
        construct = first.what.partition(", ")[0]  # without how it is written now, which the finding tells
        reason = f"{answer.reason}; converted from Python 2: {construct} (line {first.line})"
        answer = replace(answer, reason=reason)
    return replace(judged, answer=replace(answer, findings=(*conversions, *answer.findings)))


def _decide(stage: Stage, tree: ast.Module, slug: str, rules: Rules) -> tuple[Rewrite, Observations]:
    source = stage.text
    seen = observe(tree, rules, slug=slug)
    places = stage.places
    findings = (*told(seen, places), *shadowed(seen, tree, places, composite=False))
    reads = _reads(seen)
    doubts = seen.wanted(Want.REVIEW)
    wants_bytes, wants_text = seen.wanted(Want.BYTES), seen.wanted(Want.TEXT, Want.ITERATES)
    if seen.reads_by_descriptor and seen.moves_position and not wants_text:
        wants_bytes = wants_bytes or seen.wanted(Want.EITHER_BYTES)
    if seen.reads_bytes_by_name and seen.moves_position and not wants_text:
        wants_bytes = wants_bytes or seen.wanted(Want.EITHER_TEXT, Want.EITHER_BYTES)
    evidence = seen.wanted(Want.TEXT, Want.ITERATES, Want.EITHER_TEXT)
    if not evidence:
        wants_bytes = wants_bytes or seen.wanted(Want.CONTENT)
    edits = _edits(seen, places, wants_bytes or doubts) if not wants_text and not seen.rebound else ()
    problem = _problem(seen, wants_bytes, wants_text, doubts, places)
    if problem is None and not wants_bytes:
        return _stays(stage, reads, _why_unchanged(seen, reads, places), findings), seen
    if problem is None and not edits:
        return _stays(stage, reads, "it reads bytes and takes them from BIN_FILE already", findings), seen
    if edits:
        doubt = _doubt(source, tree, edits)
        if doubt is not None:
            problem = problem or f"{_said(wants_bytes[0], places)}; but {doubt}"
            edits = ()
    outcome = Outcome.REWRITE if problem is None else Outcome.REVIEW
    reason = problem or _said(wants_bytes[0], places)
    answer = _answer(stage.stored, outcome, reads, reason, edits=stage.and_then(edits).edits, findings=findings)
    return answer, seen


def _stays(stage: Stage, reads: Reads, reason: str, findings: tuple[Finding, ...]) -> Rewrite:
    """Return the answer for a text that runs as it is after the edits so far."""
    outcome = Outcome.REWRITE if stage.edits else Outcome.UNCHANGED
    return _answer(stage.stored, outcome, reads, reason, edits=stage.edits, findings=findings)


def _doubt(source: str, tree: ast.Module, edits: tuple[Edit, ...]) -> str | None:
    """Return why the edits may not be shown as a change, or None where all that can be asked agrees with them."""
    from upgrade_kit.rewriting.proof import objection  # noqa: PLC0415 - LibCST is loaded for texts that change

    if any(source[edit.offset : edit.offset + len(edit.before)] != edit.before for edit in edits):
        return "FILE cannot be located in it (inside a formatted string)"
    doubt = objection(source, tree, edits)
    if doubt is not None:
        return doubt
    if not isinstance(parse(edited(source, edits)), Python3):
        return "the text after does not parse"
    return None


def _problem(
    seen: Observations,
    wants_bytes: list[Demand],
    wants_text: list[Demand],
    doubts: list[Demand],
    places: Places,
) -> str | None:
    """Return why a person must look, or None."""
    live = bool(seen.uses)
    if seen.breaks:
        first = seen.broken()[0]
        return f"{first.what} (line {places.line(first.node_line)})"
    if wants_bytes and wants_text:
        return f"{_said(wants_bytes[0], places)}, and {_said(wants_text[0], places)}"
    if doubts:
        return _said(doubts[0], places)
    if not live:
        return None
    evidence = seen.wanted(Want.TEXT, Want.ITERATES, Want.EITHER_TEXT)
    if evidence and seen.seeks_into:
        return f"{_said(evidence[0], places)}, after a seek() to a place in bytes"
    if seen.tells and seen.wanted(Want.ITERATES):
        return "tell() beside a loop over the lines of FILE is an error on Python 3"
    if seen.reads_by_descriptor and seen.moves_position and wants_text:
        return "it reads text and also below Python, from the operating system's file"
    if seen.reads_bytes_by_name and seen.moves_position and not wants_bytes:
        return "it reads FILE as text, and the same file as bytes by its name"
    if wants_bytes and seen.rebound:
        return "FILE is sometimes the uploaded file and sometimes what the procedure puts there"
    if wants_bytes and seen.names_elsewhere:
        return "it reads bytes and takes the name of the file through another variable"
    if wants_bytes and seen.uses_bin_file:
        return "it uses FILE for bytes and BIN_FILE too; the two do not share their position"
    return None


def _said(demand: Demand, places: Places) -> str:
    return f"{demand.what} (line {places.line(demand.node_line)})"


def _why_unchanged(seen: Observations, reads: Reads, places: Places) -> str:
    if not seen.uses:
        if seen.uses_bin_file:
            return "it uses BIN_FILE already"
        return "it does not use FILE"
    if seen.uses_bin_file:
        return "it uses BIN_FILE already, and FILE only where that is right"
    wanted = {
        Reads.TEXT: (Want.TEXT, Want.ITERATES, Want.EITHER_TEXT),
        Reads.NAME: (Want.NAME,),
        Reads.BYTES: (Want.EITHER_BYTES,),
    }.get(reads, ())
    demands = seen.wanted(*wanted)
    if demands:
        return _said(demands[0], places)
    return "it does not read the content of FILE"


def _reads(seen: Observations) -> Reads:
    if not seen.uses:
        return Reads.BYTES if seen.uses_bin_file else Reads.NOTHING
    if seen.wanted(Want.BYTES, Want.EITHER_BYTES):
        return Reads.BYTES
    if seen.wanted(Want.CONTENT) and not seen.wanted(Want.TEXT, Want.ITERATES, Want.EITHER_TEXT):
        return Reads.BYTES
    if seen.wanted(Want.TEXT, Want.ITERATES, Want.EITHER_TEXT):
        return Reads.TEXT
    if seen.wanted(Want.REVIEW):
        return Reads.UNKNOWN
    if seen.wanted(Want.NAME):
        return Reads.NAME
    return Reads.TEXT if seen.moves_position and not seen.wanted(Want.ANY) else Reads.NOTHING


def _edits(seen: Observations, places: Places, wanted: object) -> tuple[Edit, ...]:
    """Return the renames of every use of the context's FILE; ``.name`` becomes ``.path`` (docs/facts.md)."""
    if not wanted:
        return ()
    by_owner = {node.value: node for node in seen.names}
    edits = []
    for use in seen.uses:
        offset = places.offset(use.lineno, use.col_offset)
        line, column = places.line_and_column(offset)
        attribute = by_owner.get(use)
        edits.append(Edit(line=line, column=column, offset=offset, before="FILE", after="BIN_FILE", rule=RENAME))
        if attribute is not None and attribute.end_col_offset is not None:
            end = places.offset(attribute.end_lineno or attribute.lineno, attribute.end_col_offset)
            line, column = places.line_and_column(end - len("name"))
            edits.append(Edit(line=line, column=column, offset=end - 4, before="name", after="path", rule=RENAME_NAME))
    return tuple(sorted(edits, key=lambda edit: edit.offset))


def _unchanged(source: str | None, reads: Reads, reason: str, findings: tuple[Finding, ...] = ()) -> Rewrite:
    return Rewrite(
        outcome=Outcome.UNCHANGED, reads=reads, reason=reason, before=source, source=source, findings=findings
    )


def _answer(
    source: str,
    outcome: Outcome,
    reads: Reads,
    reason: str,
    *,
    edits: tuple[Edit, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> Rewrite:
    return Rewrite(
        outcome=outcome,
        reads=reads,
        reason=reason,
        before=source,
        source=edited(source, edits) if edits else source,
        edits=edits,
        findings=findings,
    )
