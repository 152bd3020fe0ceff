"""Is the upgraded site what it should be? Asked by upgrade-kit verify, not before an upgrade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from upgrade_kit.model.finding import Finding, NotApplicable, Passed
from upgrade_kit.model.path import RowChange
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.verification import Compiled, RowsThen, Verification
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.check import Answer, check, error, to_type, warning
from upgrade_kit.preflight.facts import Facts, then


@check(
    "UK701",
    "The site answers with its login page",
    reads=Verification,
    section="docs/install/win.rst (v0.3.0), Update your CherryPy Service; linux.rst, Update your Apache configuration",
    remedy="Start the site's service, and look into its log where it does not answer.",
)
def site_answers(fact: Verification) -> Answer:
    """A database that is whole is of no use while nobody can reach the site."""
    page = fact.page
    if isinstance(page, Unobserved):
        return page
    if page.problem:
        return [error(f"{page.url}: {page.problem}", where=page.url, hint=_start())]
    if not page.is_qatrack:
        return [
            error(
                f"{page.url} answers, and its page does not name QATrack+",
                where=page.ended_at,
                hint="Is it the right address? Name the site's own with --url.",
            )
        ]
    if not page.asks_for_password:
        return [
            warning(
                f"{page.ended_at} is a page of QATrack+, and does not ask for a password",
                where=page.ended_at,
                hint="Name the address of the login page with --url, and see that nobody comes in without one.",
            )
        ]
    return Passed(page.ended_at)


def _start() -> str:
    return "\n".join(
        (
            to_type(
                "On Windows, in PowerShell:",
                "Get-Service -Name QATrack*",
                "Start-Service -Name QATrack030CherryPyService",
            ),
            to_type("With Apache:", "sudo service apache2 restart", "sudo tail -n 50 /var/log/apache2/error.log"),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsSince:
    """The rows of each table now, then, and what the hops in between do to them.

    Attributes:
        now: ``(table, number of rows)``.
        then: of each backup.
        changes: what the hops do to the rows of tables.
    """

    now: tuple[tuple[str, int], ...]
    then: tuple[RowsThen, ...]
    changes: tuple[RowChange, ...]

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(facts.get(Verification), cls._of)

    @classmethod
    def _of(cls, fact: Verification) -> Self | Unobserved:
        if isinstance(fact.rows_now, Unobserved):
            return fact.rows_now
        if isinstance(fact.backups, Unobserved):
            return fact.backups
        changes = tuple(change for hop in VersionGraph.load().hops for change in hop.row_changes)
        return cls(now=fact.rows_now, then=fact.backups, changes=changes)


@check(
    "UK702",
    "Each table has the rows that it had, but where the migrations change that",
    reads=RowsSince,
    section="migrations of 0.2.9.1 and 0.3.0, each named where it changes rows; rules/hops",
    remedy="Do not let anybody enter data before it is known why; restore the backup where rows were lost.",
)
def rows_are_all_there(fact: RowsSince) -> Answer:
    """A migration that ends well may still have lost rows; the backup knows how many there were."""
    findings = tuple(finding for backup in fact.then for finding in _differences(backup, fact))
    if findings:
        return findings
    told = [f"{len(backup.rows)} tables as in {backup.manifest.name} ({backup.version})" for backup in fact.then]
    return Passed("; ".join([*told, *_explained(fact)]))


def _differences(backup: RowsThen, fact: RowsSince) -> Iterator[Finding]:
    now = dict(fact.now)
    for table, before in backup.rows:
        after = now.get(table)
        allowed = _allowed(table, backup, fact)
        if after is None:
            if not any(change.lets_vanish for change in allowed):
                yield _lost(backup, f"the table {table} had {_rows(before)} and is gone", table)
        elif after < before and not any(change.lets_shrink for change in allowed):
            yield _lost(backup, f"{table} had {_rows(before)} and has {after}", table)
        elif after > before and not any(change.lets_grow for change in allowed):
            yield warning(
                f"{table} had {_rows(before)} and has {after}, which no migration explains",
                where=table,
                hint="Has somebody entered data since the backup? Then that is why; else find out who did.",
            )


def _lost(backup: RowsThen, message: str, table: str) -> Finding:
    return error(
        f"{message} (backup of {backup.version}: {backup.manifest})",
        where=table,
        hint=to_type(
            "Let nobody enter data. Where nobody deleted them on purpose, go back:",
            "upgrade-kit upgrade SITE --rollback",
        ),
    )


def _allowed(table: str, backup: RowsThen, fact: RowsSince) -> tuple[RowChange, ...]:
    return tuple(change for change in fact.changes if change.table == table and change.since > backup.version)


def _explained(fact: RowsSince) -> Iterator[str]:
    """Say which tables differ as the migrations make them."""
    now = dict(fact.now)
    for backup in fact.then:
        for table, before in backup.rows:
            allowed = _allowed(table, backup, fact)
            if now.get(table) != before and allowed:
                yield f"{table} {before} -> {now.get(table, 'gone')}: {allowed[-1].why}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledHere:
    """What the target's Python says, and the words that name this site."""

    compiled: Compiled
    arguments: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        verification = facts.get(Verification)
        compiled = verification if isinstance(verification, Unobserved) else verification.compiled
        return then(compiled, lambda said: cls(compiled=said, arguments=facts.arguments))


@check(
    "UK703",
    "The target's Python compiles the procedure of every upload test",
    reads=CompiledHere,
    section="qatrack/qa/views/perform.py (v0.3.0) compiles a procedure each time it runs it",
    remedy="Correct each procedure that is named in the site's admin pages (Tests, Calculation procedure).",
)
def procedures_compile(fact: CompiledHere) -> Answer:
    """A procedure that does not compile fails when somebody uploads a file, in the middle of a treatment day."""
    compiled = fact.compiled
    if not compiled.seen:
        return NotApplicable("no upload test has a procedure")
    return tuple(_refused(fact)) or Passed(f"{compiled.seen} with {compiled.python} ({compiled.version})")


def _refused(fact: CompiledHere) -> Iterator[Finding]:
    for slug, reason in fact.compiled.refused:
        yield error(
            f"Python {fact.compiled.version} cannot compile the procedure of {slug}: {reason}",
            where=slug,
            hint=to_type(
                "See what the kit would make of it, or correct it in the admin pages (Tests):",
                f"upgrade-kit rewrite-calcs {fact.arguments} --explain {quoted(slug)}",
            ),
        )


CHECKS = (site_answers, rows_are_all_there, procedures_compile)
