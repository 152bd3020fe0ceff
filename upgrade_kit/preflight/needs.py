"""What has to be looked at, so that chosen checks can be asked: what their facts are put together from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.unobserved import NOT_LOOKED, Unobserved
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.facts import Facts, site_arguments

EVERYTHING = frozenset(field.name for field in fields(Deployment))
"""The names of all that a survey observes."""

_PATH = "path"
_PLAN = "plan"
_FOR_THE_PATH = frozenset(("checkout", "database"))
_ASK_THE_DATABASE = frozenset(("data_ahead", "server", "stored_sql"))  # where one connects, the schema costs little
_FOR_THE_PLAN = frozenset(("checkout", "database", "migrate_log"))


def facts_needed(
    checks: Iterable[Check[Any]],
    deployment: Deployment,
    path: UpgradePath | Unobserved,
    plan: RewritePlan | Unobserved,
    *,
    path_is_given: bool = False,
) -> frozenset[str]:
    """Return the names of the attributes of ``Deployment`` that the facts of these checks are put together from.

    The facts are put together from what is known so far, and what is read for it is noted. What is not known yet can
    hide what would be read after it: ask again with what was looked at, until nothing is added.

    Args:
        checks: those that are to be asked.
        deployment: what is known of the site so far.
        path: the way to the target, by that.
        plan: what becomes of the site's procedures, by that.
        path_is_given: whether the path is known without looking at the site.
    """
    chosen = tuple(checks)
    read: set[str] = set()
    for check in chosen:
        try:
            fact = _Noting(deployment, path, plan, read).get(check.reads)
            if _holds_all(fact):
                return EVERYTHING
        except Exception:  # noqa: BLE001 - it may be anybody's code: what it would have read is not known
            return EVERYTHING
        if check.crosses is not None:
            read.add(_PATH)
    if _PATH in read and not path_is_given:
        # Where the checkout was not looked at yet, that comes first: it may do.
        suffices = deployment.checkout == NOT_LOOKED or _checkout_suffices(chosen, path)
        read |= {"checkout"} if suffices and not read & _ASK_THE_DATABASE else _FOR_THE_PATH
    if _PLAN in read:
        read |= _FOR_THE_PLAN
    if read & {"version", "versions_agree"}:
        read |= _FOR_THE_PATH
    return frozenset(read & EVERYTHING)


def _checkout_suffices(checks: Iterable[Check[Any]], path: UpgradePath | Unobserved) -> bool:
    """Tell whether a path that starts where the checkout is says the same to these checks as the schema's would.

    In the middle of an upgrade the schema is of an older version than the code. The path that starts there crosses all
    that the checkout's crosses; what the checkout's does not cross, it may cross all the same.
    """
    if isinstance(path, Unobserved) or not path.hops:
        return False
    return all(check.crosses is None or path.crosses(check.crosses) for check in checks)


def _holds_all(fact: object) -> bool:
    """Tell whether a fact hands the whole deployment on, so that nobody knows what will be read of it."""
    names = (field.name for field in fields(fact)) if is_dataclass(fact) else ()
    return any(isinstance(part, Deployment | Facts) for part in (fact, *(getattr(fact, name) for name in names)))


class _Watched(Deployment):
    """A deployment that notes which of its attributes are read."""

    __slots__ = ("_read",)

    _read: set[str]

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - whatever the attribute is
        if name in EVERYTHING:
            object.__getattribute__(self, "_read").add(name)
        return super().__getattribute__(name)


class _Noting(Facts):
    """Facts that note what is read of them."""

    __slots__ = ("_arguments", "_read")

    _arguments: str
    _read: set[str]

    def __init__(
        self,
        deployment: Deployment,
        path: UpgradePath | Unobserved,
        plan: RewritePlan | Unobserved,
        read: set[str],
    ) -> None:
        watched = _Watched.__new__(_Watched)
        object.__setattr__(watched, "_read", read)
        for name in EVERYTHING:
            object.__setattr__(watched, name, getattr(deployment, name))
        object.__setattr__(self, "_read", read)
        # The words that name the site are no fact that a check judges: they are known without looking.
        object.__setattr__(self, "_arguments", site_arguments(deployment))
        super().__init__(watched, path, plan)

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - whatever the attribute is
        if name in {_PATH, _PLAN}:
            object.__getattribute__(self, "_read").add(name)
        if name == "arguments":
            return object.__getattribute__(self, "_arguments")
        return super().__getattribute__(name)
