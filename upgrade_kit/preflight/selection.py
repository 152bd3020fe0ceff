"""Which checks are to be asked: all, those that were named, or all but those that were named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from upgrade_kit.errors import UsageError
from upgrade_kit.model.finding import CheckResult, NotApplicable
from upgrade_kit.model.nearest import did_you_mean
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.installed import OWN_CHECKS


def select(
    checks: Sequence[Check[Any]], *, only: Collection[str] = (), skip: Collection[str] = ()
) -> tuple[tuple[Check[Any], ...], tuple[CheckResult, ...]]:
    """Return the checks to ask, and an answer for each that was left out.

    Args:
        checks: all that are installed.
        only: ids or families; where given, no other check is asked. Case does not matter.
        skip: ids or families that are not asked.

    Raises:
        UsageError: a word is neither an id nor a family, or nothing is left to ask.
    """
    wanted = {word.lower() for word in only}
    unwanted = {word.lower() for word in skip}
    _refuse_unknown(checks, "--only", only)
    _refuse_unknown(checks, "--skip", skip)
    asked: list[Check[Any]] = []
    left_out: list[CheckResult] = []
    for check in checks:
        names = {check.id.lower(), check.family.lower()}
        if names & unwanted:
            left_out.append(_not_asked(check, "left out with --skip"))
        elif wanted and not names & wanted:
            left_out.append(_not_asked(check, "not among those named with --only"))
        else:
            asked.append(check)
    if not asked:
        raise UsageError(
            "--only and --skip leave no check to ask", hint="upgrade-kit preflight --list shows which there are."
        )
    return tuple(asked), tuple(left_out)


def families(checks: Sequence[Check[Any]]) -> tuple[str, ...]:
    """Return the families that the checks belong to, by name."""
    return tuple(sorted({check.family for check in checks}))


def _not_asked(check: Check[Any], reason: str) -> CheckResult:
    return CheckResult(id=check.id, title=check.title, result=NotApplicable(reason), left_out=True)


def _refuse_unknown(checks: Sequence[Check[Any]], option: str, words: Collection[str]) -> None:
    names = {name for check in checks for name in (check.id, check.family)}
    known = {name.lower() for name in names}
    own = {name.lower() for check in OWN_CHECKS for name in (check.id, check.family)}
    for word in words:
        if word.lower() in own and word.lower() not in known:
            raise UsageError(
                f"{option} {word}: this is asked of the kit itself, always",
                hint="upgrade-kit preflight --list shows what can be named.",
            )
        if word.lower() not in known:
            raise UsageError(
                f"{option} {word}: neither the id of a check nor a family of checks",
                hint=f"{did_you_mean(word, names)} The families are {', '.join(families(checks))}; "
                "upgrade-kit preflight --list shows the ids.".lstrip(),
            )
