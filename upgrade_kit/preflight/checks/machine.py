"""The clock and the locale of the machine that migrates."""

from __future__ import annotations

import codecs
from datetime import timedelta

from upgrade_kit.model.clock import Clocks
from upgrade_kit.model.finding import NotApplicable, Passed
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, error, info, to_type, warning
from upgrade_kit.preflight.checks.procedures import PrintedTests, encodes

# Kerberos, with which Windows logs users in to a domain and to SQL Server, refuses more by default.
_APART = timedelta(minutes=5)
# A site that once stored local time is up to 14 hours ahead of UTC; that is no fault of the clock.
_AHEAD = timedelta(hours=26)


@check(
    "UK541",
    "This machine and the database's server agree on the time",
    reads=Clocks,
    section="Maximum tolerance for computer clock synchronization (Microsoft, Kerberos policy); docs/facts.md, Clock",
    remedy="Set the clock that is wrong, and have both follow a time server.",
)
def clocks_agree(clocks: Clocks) -> Answer:
    """What is stamped here and what is stamped there come in the wrong order, and a login to the domain fails."""
    if isinstance(clocks.server, Unobserved):
        return clocks.server
    apart = clocks.here - clocks.server
    if abs(apart) <= _APART:
        return Passed(f"{abs(apart).total_seconds():.0f} s apart")
    return (
        warning(
            f"this machine's clock is {_words(abs(apart))} {'ahead of' if apart > timedelta() else 'behind'} the "
            f"database server's ({clocks.here:%Y-%m-%d %H:%M:%S} here, {clocks.server:%Y-%m-%d %H:%M:%S} there, "
            "in UTC)",
            hint=to_type(
                "Look which one is wrong and set it, in PowerShell (first line) or bash (second line):",
                "w32tm /resync",
                "sudo timedatectl set-ntp true",
            ),
        ),
    )


@check(
    "UK542",
    "Nothing in the database is newer than this machine's clock",
    reads=Clocks,
    section="qatrack/qa/models.py, TestListInstance.created and modified; docs/facts.md, Clock",
    remedy="Set the clock, or find out when it was wrong.",
)
def nothing_is_from_the_future(clocks: Clocks) -> Answer:
    """A clock that is or was wrong puts results in the wrong order, and a backup under the wrong date."""
    if isinstance(clocks.newest, Unobserved):
        return clocks.newest
    newest, place = clocks.newest
    if newest is None:
        return NotApplicable(f"{place} is empty")
    if newest - clocks.here <= _AHEAD:
        return Passed(f"newest in {place}: {newest:%Y-%m-%d %H:%M} UTC")
    return (
        warning(
            f"the newest moment in {place} is {newest:%Y-%m-%d %H:%M} UTC, which is "
            f"{_words(newest - clocks.here)} after "
            f"this machine's clock ({clocks.here:%Y-%m-%d %H:%M} UTC)",
            where=place,
            hint=to_type(
                "If this machine's clock is wrong, set it, in PowerShell (first line) or bash (second line). "
                "If it is right, "
                "the server's was wrong on that day; results of that day are in the wrong order.",
                "w32tm /resync",
                "sudo timedatectl set-ntp true",
            ),
        ),
    )


@check(
    "UK543",
    "The migration's log can hold the name of every upload test",
    reads=PrintedTests,
    crosses="0.3.0",
    section="migration qa.0014_convert_file_uploads (v0.3.0); docs/facts.md, Locale",
    remedy="Keep what the migration shows on the screen.",
)
def log_can_hold_names(fact: PrintedTests) -> Answer:
    """The log is written in the locale's encoding, whatever the screen is; a list with other characters is left out."""
    encoding = fact.machine.preferred_encoding
    try:
        lost = tuple(line for line in fact.lines if not encodes(line, encoding))
    except LookupError:
        return Unobserved(f"nobody knows the encoding {encoding} that this machine writes in")
    if not lost:
        return Passed(f"{len(fact.lines)} listed, logged in {encoding}")
    if not fact.machine.printing:
        return NotApplicable("the screen has the same encoding: see UK306")
    return (
        info(
            f"logs/migrate.log is written in {encoding}, which has no characters for {len(lost)} of the upload tests: "
            f"{', '.join(lost)}. The list will be on the screen and not in the log",
            where="logs/migrate.log",
            hint=to_type(
                "Keep what the screen shows: put one of these behind the command that migrates, in PowerShell (first "
                "line) or bash (second line); preflight and rewrite-calcs take the file with --log:",
                "2>&1 | Tee-Object migrate-screen.txt",
                "2>&1 | tee migrate-screen.txt",
            ),
        ),
    )


@check(
    "UK544",
    "PYTHONIOENCODING, where it is set, names an encoding",
    reads=PrintedTests,
    crosses="0.3.0",
    section="PYTHONIOENCODING (Python 3.6, Command line and environment); docs/facts.md, Locale",
    remedy="Set it to utf-8, or not at all.",
)
def printing_is_known(fact: PrintedTests) -> Answer:
    """Python 3.6 does not start where it names none, and fails at a character that the encoding has not."""
    stated = fact.machine.printing
    if not stated:
        return Passed("not set")
    encoding, _, errors = stated.partition(":")
    try:
        codecs.lookup(encoding or "utf-8")
        codecs.lookup_error(errors or "strict")
    except (LookupError, ValueError):
        return (
            error(
                f"PYTHONIOENCODING is {stated!r}, which Python does not know: it will not start",
                hint=to_type(
                    "In the shell that migrates, PowerShell (first line) or bash (second line):",
                    '$env:PYTHONIOENCODING = "utf-8"',
                    "export PYTHONIOENCODING=utf-8",
                ),
            ),
        )
    return Passed(stated)


def _words(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    if minutes < 120:  # noqa: PLR2004 - two hours
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"  # noqa: PLR2004 - two days


CHECKS = (clocks_agree, nothing_is_from_the_future, log_can_hold_names, printing_is_known)
