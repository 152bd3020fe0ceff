"""Do the procedures of upload tests run at the target, and can the migration print their names?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from packaging.version import Version

from upgrade_kit.model.deployment import Database, Machine
from upgrade_kit.model.finding import Finding, NotApplicable, Passed, Severity
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import MacroName, OtherProcedure, Outcome, PlannedRewrite, Procedure, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, counted, error, to_type, warning
from upgrade_kit.preflight.facts import BIN_FILE_SINCE, Facts, both, then
from upgrade_kit.rewriting.others import Neighbours, uses_of_choices

_NOT_REACHED = NotApplicable(f"FILE changes its meaning at {BIN_FILE_SINCE}, which is not reached")


CHOICES_RULE = "UK430"
CHOICES_ARE_TEXT = Version("0.2.9.1")  # the node whose migrations make it so: qa.0019_multiple_choice_to_string


_FORGIVING = frozenset(("ignore", "replace", "backslashreplace", "namereplace", "xmlcharrefreplace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTests:
    """The answers for the site's upload tests beside the path, and the words that name this site."""

    plan: RewritePlan
    path: UpgradePath
    arguments: str

    @property
    def has_bin_file(self) -> bool:
        """Whether the site's own version gives procedures ``BIN_FILE``."""
        return self.path.source.version >= BIN_FILE_SINCE

    @property
    def gets_bin_file(self) -> bool:
        """Whether the site has ``BIN_FILE``, or will have it at the end of the path."""
        return self.path.target.version >= BIN_FILE_SINCE

    @property
    def breaking(self) -> tuple[OtherProcedure, ...]:
        """The tests that get no file and in whose procedure something breaks at the target, in order of test id."""
        return tuple(
            other
            for other in self.plan.others
            if any(finding.severity is not Severity.INFO and finding.rule != CHOICES_RULE for finding in other.findings)
        )

    def having(self, outcome: Outcome) -> tuple[PlannedRewrite, ...]:
        """Return the upload tests with this outcome, in order of test id."""
        return tuple(item for item in self.plan.items if item.rewrite.outcome is outcome)

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return both(
            facts.get(RewritePlan),
            facts.get(UpgradePath),
            lambda known, way: cls(plan=known, path=way, arguments=facts.arguments),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsesOfChoices:
    """The composites that use the value of a multiple-choice test.

    Attributes:
        found: macro name of each composite, and what was found in it.
        seen: how many procedures were looked at.
    """

    found: tuple[tuple[str, Finding], ...]
    seen: int

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        database, path = facts.get(Database), facts.get(UpgradePath)
        if isinstance(database, Unobserved):
            return database
        if isinstance(path, UpgradePath) and not path.crosses(CHOICES_ARE_TEXT):
            return Unobserved(f"asked only on the way to {CHOICES_ARE_TEXT}", asked=False)
        return both(database.procedures, database.macro_names, cls._used)

    @classmethod
    def _used(cls, procedures: tuple[Procedure, ...], macro_names: tuple[MacroName, ...]) -> Self:
        neighbours = Neighbours(procedures, macro_names)
        others = tuple(procedure for procedure in procedures if procedure.type != "upload")
        found = tuple((p.slug, finding) for p in others for finding in uses_of_choices(p, neighbours))
        return cls(found=found, seen=len(others))


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTests:
    """What the migration prints for each upload test that it lists, and the machine that prints it."""

    lines: tuple[str, ...]
    machine: Machine

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(facts.get(RewritePlan), lambda known: cls(lines=_printed(known), machine=facts.deployment.machine))

    @property
    def printing(self) -> str:
        """The encoding that the screen is written in: PYTHONIOENCODING's where that is set, else the locale's."""
        return self.machine.printing.partition(":")[0] or self.machine.preferred_encoding

    @property
    def never_fails(self) -> bool:
        """Whether PYTHONIOENCODING says to write something else in place of what cannot be written."""
        return self.machine.printing.partition(":")[2] in _FORGIVING


def _printed(plan: RewritePlan) -> tuple[str, ...]:
    return tuple(f"{item.procedure.name} ({item.procedure.slug})" for item in plan.items if item.listed)


@check(
    "UK306",
    "Run from here, the migration can print the name of every upload test",
    reads=PrintedTests,
    crosses="0.3.0",
    section="migration qa.0014_convert_file_uploads (v0.3.0); docs/facts.md, Locale",
    remedy="Set a UTF-8 locale in the shell that migrates.",
)
def names_can_be_printed(fact: PrintedTests) -> Answer:
    """The migration prints test names; in a locale that cannot show one of them it dies half way."""
    encoding = fact.printing
    try:
        unprintable = () if fact.never_fails else tuple(line for line in fact.lines if not encodes(line, encoding))
    except LookupError:
        return [
            warning(
                f"nobody knows the encoding {encoding} that this machine prints in",
                hint="Set a locale with UTF-8 before you migrate.",
            )
        ]
    if not unprintable:
        return Passed(f"{len(fact.lines)} listed, printed in {encoding}")
    named = ", ".join(unprintable)
    if fact.machine.printing:
        return [
            error(
                f"PYTHONIOENCODING is {fact.machine.printing}, which has no characters for {len(unprintable)} "
                "of the tests "
                f"that the migration prints, so that it stops half way: {named}",
                where="qa_test",
                hint=to_type(
                    "In the shell that migrates, PowerShell (first line) or bash (second line), before you migrate:",
                    '$env:PYTHONIOENCODING = "utf-8"',
                    "export PYTHONIOENCODING=utf-8",
                ),
            )
        ]
    if fact.machine.system == "Windows":
        return [
            warning(
                f"{encoding} has no characters for {len(unprintable)} of the tests that the migration "
                f"prints: {named}. It stops half way if its screen is sent to a file; its log lacks the list",
                where="qa_test",
                hint=to_type("In the PowerShell that migrates, before you migrate:", '$env:PYTHONIOENCODING = "utf-8"'),
            )
        ]
    return [
        error(
            f"the locale prints in {encoding}, which has no characters for {len(unprintable)} of the tests "
            f"that the migration prints, so that it stops half way: {named}",
            where="qa_test",
            hint=to_type(
                "In the bash that migrates, before you run preflight again and migrate:",
                "export LC_ALL=C.UTF-8",
            ),
        )
    ]


@check(
    "UK491",
    "No upload test reads bytes from FILE",
    reads=UploadTests,
    section="docs/install/win.rst and linux.rst (v0.3.0), Check the migration log; docs/facts.md, FILE and BIN_FILE",
    remedy="See the changes with upgrade-kit rewrite-calcs, and write them with --apply after the migration.",
)
def no_procedure_needs_rewriting(fact: UploadTests) -> Answer:
    """From 0.3.0 on FILE is text; a procedure that reads bytes fails, or misreads, until it uses BIN_FILE."""
    if not fact.gets_bin_file:
        return _NOT_REACHED
    items = fact.having(Outcome.REWRITE)
    if not items:
        return Passed(counted(fact.plan.items, "upload test"))
    if fact.has_bin_file:
        return [
            error(
                f"{_tests(items)} today, for reading bytes from FILE or for being Python 2: {_slugs(items)}",
                where="qa_test.calculation_procedure",
                hint=to_type(
                    "Look at the changes (first line), then write them (second line):",
                    f"upgrade-kit rewrite-calcs {fact.arguments}".rstrip(),
                    f"upgrade-kit rewrite-calcs {fact.arguments} --apply".replace("  ", " "),
                ),
            )
        ]
    return [
        warning(
            f"{_tests(items)} at {BIN_FILE_SINCE}, for reading bytes from FILE or for being Python 2: "
            f"{_slugs(items)}. Nothing is to be done yet: BIN_FILE does not exist before {BIN_FILE_SINCE}",
            where="qa_test.calculation_procedure",
            hint=to_type(
                "Look at the changes now (first line); write them after the migration (second line):",
                f"upgrade-kit rewrite-calcs {fact.arguments}".rstrip(),
                f"upgrade-kit rewrite-calcs {fact.arguments} --apply".replace("  ", " "),
            ),
        )
    ]


@check(
    "UK492",
    "No upload test is left for a person to decide",
    reads=UploadTests,
    section="docs/install/win.rst and linux.rst (v0.3.0), Check the migration log; docs/facts.md, FILE and BIN_FILE",
    remedy="Read what rewrite-calcs says of each, and try the test on a copy of the site.",
)
def no_procedure_needs_review(fact: UploadTests) -> Answer:
    """Where the text cannot tell what a procedure reads, the kit writes nothing."""
    if not fact.gets_bin_file:
        return _NOT_REACHED
    items = fact.having(Outcome.REVIEW)
    if not items:
        return Passed()
    return [
        warning(
            f"{counted(items, 'upload test')} to be looked at by a person: {_slugs(items)}",
            where="qa_test.calculation_procedure",
            hint=to_type(
                "Read what is said of each; try the test on a copy of the site at the target version:",
                f"upgrade-kit rewrite-calcs {fact.arguments}".rstrip(),
            ),
        )
    ]


@check(
    "UK493",
    "The procedure of every upload test can be parsed",
    reads=UploadTests,
    section="migration qa.0021_check_py3_calcs (v0.3.0.1); docs/facts.md, How a procedure is run",
    remedy="Correct the procedure in the site's admin, or leave it where nobody uses the test.",
)
def procedures_can_be_parsed(fact: UploadTests) -> Answer:
    """A procedure that is not Python fails whenever it is run, before and after the upgrade."""
    items = fact.having(Outcome.ERROR)
    if not items:
        return Passed()
    return [
        warning(
            f"{counted(items, 'procedure')} of upload tests cannot be parsed as Python: "
            + "; ".join(f"{item.procedure.slug}: {item.rewrite.reason}" for item in items),
            where="qa_test.calculation_procedure",
            hint="Correct them in the site's admin pages (Tests), or take the tests out of use.",
        )
    ]


@check(
    "UK494",
    "No composite uses the value of a multiple-choice test",
    reads=UsesOfChoices,
    crosses="0.2.9.1",
    section="release_notes.md, 0.2.9 (tag v0.2.9.1); migration qa.0019_multiple_choice_to_string",
    remedy="Compare with the text of the choice instead of its number, once the site is at 0.2.9.",
)
def no_composite_uses_choices(fact: UsesOfChoices) -> Answer:
    """Up to 0.2.8 the value is kept as the number of the choice; from 0.2.9 on it is the choice's text."""
    if not fact.found:
        return Passed(f"procedures that get no file: {fact.seen}")
    return [
        warning(
            f"{slug}: {found.message}", where=f"{slug}, {found.where}", hint=found.hint[:1].upper() + found.hint[1:]
        )
        for slug, found in fact.found
    ]


@check(
    "UK495",
    "The procedures of composites, and of other tests that get no file, run at the target",
    reads=UploadTests,
    section="migration qa.0021_check_py3_calcs (v0.3.0.1); docs/facts.md, How a procedure is run",
    remedy="Read what rewrite-calcs says of each, and change the procedure by hand after the migration.",
)
def other_procedures_run(fact: UploadTests) -> Answer:
    """0.3.0 runs every procedure under Python 3, with newer libraries; nothing tells the site what that breaks."""
    if not fact.gets_bin_file:
        return NotApplicable(f"Python 3 comes with {BIN_FILE_SINCE}, which is not reached")
    others = fact.breaking
    if not others:
        return Passed(f"procedures that get no file: {fact.plan.others_seen}")
    slugs = ", ".join(dict.fromkeys(other.procedure.slug for other in others))
    return [
        warning(
            f"a person must look at {len(others)} of the {fact.plan.others_seen} procedures that get no file: {slugs}",
            where="qa_test.calculation_procedure",
            hint=to_type(
                "Read what breaks in each, and what to type instead:",
                f"upgrade-kit rewrite-calcs {fact.arguments}".rstrip(),
            ),
        )
    ]


def encodes(text: str, encoding: str) -> bool:
    """Tell whether an encoding has all the characters of a text.

    Raises:
        LookupError: there is no such encoding.
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _tests(items: tuple[PlannedRewrite, ...]) -> str:
    return "1 upload test fails" if len(items) == 1 else f"{len(items)} upload tests fail"


def _slugs(items: tuple[PlannedRewrite, ...]) -> str:
    return ", ".join(item.procedure.slug for item in items)


CHECKS = (
    names_can_be_printed,
    no_procedure_needs_rewriting,
    no_procedure_needs_review,
    procedures_can_be_parsed,
    no_composite_uses_choices,
    other_procedures_run,
)
