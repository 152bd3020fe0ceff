"""Tell how the answer for one procedure comes about, in words of the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from upgrade_kit.model.explanation import Explanation, Needs, RuledOut, Step, Use
from upgrade_kit.model.finding import Finding, Severity
from upgrade_kit.model.rewrite import Outcome, Procedure, Reads, Rewrite, Rule
from upgrade_kit.rewriting.flow import observe
from upgrade_kit.rewriting.grammar import Python2Only, parse
from upgrade_kit.rewriting.observations import Observations, Want
from upgrade_kit.rewriting.others import Neighbours, findings_of
from upgrade_kit.rewriting.readers import Rules, procedure_rules
from upgrade_kit.rewriting.rewrite import judged_text, rewrite_procedure
from upgrade_kit.rewriting.runtime_text import Places, split_lines

MOST_REASONS = 12

_NEEDS: dict[Want, tuple[Needs, str]] = {
    Want.BYTES: (Needs.BYTES, "FILE gives text on 0.3.0"),
    Want.TEXT: (Needs.TEXT, "BIN_FILE gives bytes"),
    Want.EITHER_TEXT: (Needs.EITHER, "text and bytes give the same"),
    Want.EITHER_BYTES: (Needs.EITHER, "FILE and BIN_FILE give the same"),
    Want.CONTENT: (Needs.BYTES, "on Python 2 that gave bytes, and FILE gives text on 0.3.0"),
    Want.ANY: (Needs.EITHER, "FILE and BIN_FILE give the same"),
    Want.ITERATES: (Needs.TEXT, "BIN_FILE gives bytes, and starts over each time"),
    Want.NAME: (Needs.NAME, "FILE.name is the full path; BIN_FILE.name is not, but BIN_FILE.path is"),
    Want.REVIEW: (Needs.PERSON, "a person must look"),
}


def explain_procedure(
    source: str | None, *, slug: str = "", rules: Rules | None = None, python2: bool = True
) -> Explanation:
    """Tell why ``rewrite_procedure`` answers what it does for an upload test's procedure.

    Args:
        source: the text as stored; ``None`` for SQL NULL.
        slug: the test's macro name.
        rules: the procedure rules; by default those of this installation.
        python2: whether what only Python 2 can run is converted; see ``rewrite_procedure``.

    Raises:
        RulesError: a rules file is wrong.
    """
    rules = rules or procedure_rules()
    rewrite = rewrite_procedure(source, slug=slug, rules=rules, python2=python2)
    text = source or ""
    seen: Observations | None = None
    steps: tuple[Step, ...] = ()
    uses: tuple[Use, ...] = ()
    judged = judged_text(text, slug=slug, rules=rules, python2=python2)
    if judged is not None:
        tree, places = judged
        seen = observe(tree, rules, slug=slug, tell=True)
        steps = tuple(_steps(seen, places))
        uses = tuple(_uses(seen, places))
    return Explanation(
        rewrite=rewrite,
        reason=rewrite.reason,
        lines=_lines(text, steps, uses, rewrite.findings, [edit.line for edit in rewrite.edits]),
        steps=steps,
        uses=uses,
        ruled_out=tuple(_ruled_out(rewrite, uses, seen, text)),
        findings=rewrite.findings,
        rules=_rules(rules, [*(edit.rule for edit in rewrite.edits), *(use.rule for use in uses)], rewrite.findings),
    )


def explain_other(
    procedure: Procedure, neighbours: Neighbours, *, choices_change: bool, rules: Rules | None = None
) -> Explanation:
    """Tell what breaks in the procedure of a test that is no upload test, or that nothing does.

    Args:
        procedure: the test and its text.
        neighbours: all tests of the site.
        choices_change: whether the upgrade goes through 0.2.9, where multiple-choice values become text.
        rules: the procedure rules; by default those of this installation.

    Raises:
        RulesError: a rules file is wrong.
    """
    rules = rules or procedure_rules()
    findings = findings_of(procedure, neighbours, rules, choices_change=choices_change)
    if not (procedure.source or "").strip():
        reason = "it has no calculation procedure"
    elif findings:
        reason = f"{findings[0].message} ({findings[0].where})"
    else:
        reason = "nothing in it breaks on 0.3.0"
    return Explanation(
        rewrite=None,
        reason=reason,
        lines=_lines(procedure.source or "", (), (), findings, []),
        steps=(),
        uses=(),
        ruled_out=(),
        findings=findings,
        rules=_rules(rules, [], findings),
    )


def _steps(seen: Observations, places: Places) -> Iterator[Step]:
    first = dict[int, None].fromkeys(places.line(use.lineno) for use in seen.uses)
    told = [Step(line=line, name="FILE", holds="the uploaded file, as QATrack+ supplies it") for line in first]
    told += [Step(line=places.line(line), name=name, holds=holds) for (line, name), holds in seen.steps.items()]
    yield from sorted(dict.fromkeys(told), key=lambda step: step.line)


def _uses(seen: Observations, places: Places) -> Iterator[Use]:
    telling = seen.wanted(Want.BYTES, Want.TEXT, Want.EITHER_TEXT, Want.ITERATES)
    counted = [want for want in Want if want is not Want.CONTENT or not telling]  # a bare read() tells least of all
    for demand in seen.wanted(*counted):
        needs, why = _NEEDS[demand.want]
        yield Use(line=places.line(demand.node_line), what=demand.what, needs=needs, why=why, rule=demand.rule)


def _ruled_out(rewrite: Rewrite, uses: tuple[Use, ...], seen: Observations | None, text: str) -> Iterator[RuledOut]:
    """Yield the outcomes that the answer is not, with what speaks against each."""
    broken = [f"{found.where}: {found.message}" for found in rewrite.findings if found.severity is Severity.ERROR]
    doubtful = [f"line {use.line}: {use.what}; a person must look" for use in uses if use.needs is Needs.PERSON]
    if rewrite.outcome is not Outcome.UNCHANGED:
        dialect = parse(text)
        if isinstance(dialect, Python2Only):
            broken.insert(0, f"line {dialect.line}: only Python 2 can run this: {dialect.what}")
        against = [_said(use) for use in uses if use.needs is Needs.BYTES and rewrite.reads is not Reads.TEXT]
        yield _because(Outcome.UNCHANGED, [*broken, *against, *doubtful], rewrite)
    if rewrite.outcome is not Outcome.REWRITE:
        yield _because(Outcome.REWRITE, [*broken, *_against_a_rename(rewrite, uses, seen), *doubtful], rewrite)
    if rewrite.outcome in (Outcome.UNCHANGED, Outcome.REWRITE) and text.strip():
        known = "every use of the file is one that the kit knows" if uses else "nothing of the file is used"
        reasons = [known, "nothing that it uses is gone on 0.3.0"]
        if any(edit.before == "FILE" for edit in rewrite.edits):
            reasons.append("LibCST's scopes agree with each edit, and the text after needs no further one")
        yield RuledOut(outcome=Outcome.REVIEW, because=tuple(reasons))


def _against_a_rename(rewrite: Rewrite, uses: tuple[Use, ...], seen: Observations | None) -> Iterator[str]:
    yield from (_said(use) for use in uses if use.needs is Needs.TEXT)
    if rewrite.reads is Reads.NAME or (seen is not None and seen.names_elsewhere):
        yield from (_said(use) for use in uses if use.needs is Needs.NAME)
    if rewrite.outcome is Outcome.UNCHANGED and all(use.needs is Needs.EITHER for use in uses):
        if uses:
            yield "FILE and BIN_FILE give the same here, so that nothing is gained"
        elif seen is not None and seen.uses_bin_file:
            yield "it takes the file from BIN_FILE already"
        else:
            yield "there is no FILE of QATrack+ in it to be renamed"


def _said(use: Use) -> str:
    return f"line {use.line}: {use.what}; {use.why}"


def _because(outcome: Outcome, reasons: Iterable[str], rewrite: Rewrite) -> RuledOut:
    different = tuple(dict.fromkeys(reasons)) or (rewrite.reason,)
    more = len(different) - MOST_REASONS
    shown = (*different[:MOST_REASONS], f"and {more} more like these") if more > 0 else different
    return RuledOut(outcome=outcome, because=shown)


def _lines(
    text: str, steps: Iterable[Step], uses: Iterable[Use], findings: Iterable[Finding], edited: Iterable[int]
) -> tuple[tuple[int, str], ...]:
    wanted = {*edited, *(step.line for step in steps), *(use.line for use in uses)}
    for found in findings:
        wanted.update(int(number) for number in re.findall(r"\d+", found.where))
    lines = split_lines(text)
    return tuple((number, lines[number - 1]) for number in sorted(wanted) if 0 < number <= len(lines))


def _rules(rules: Rules, ids: Iterable[str], findings: Iterable[Finding]) -> tuple[Rule, ...]:
    named = sorted({*ids, *(found.rule for found in findings)})
    return tuple(rules.texts[rule] for rule in named if rule in rules.texts)
