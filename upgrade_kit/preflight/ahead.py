"""The preconditions of the migrations on the way, beside what does not keep to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from upgrade_kit.model.finding import Finding, NotApplicable
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.precondition import DataAhead, Demand, Examined, Offenders, Precondition
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, both

# What the offenders are, one of them and several.
_NOUNS = {
    Demand.UNIQUE: ("value stands more than once", "values stand more than once"),
    Demand.REQUIRED: ("row has no value", "rows have no value"),
    Demand.REFERENCE: ("row points at nothing", "rows point at nothing"),
    Demand.LENGTH: ("text is too long", "texts are too long"),
    Demand.CHOICES: ("result is none of its test's choices", "results are none of their test's choices"),
    Demand.WHOLE_CHOICES: ("result is no whole number from 0 on", "results are no whole numbers from 0 on"),
    Demand.MODALITY_NAMES: ("name would belong to several modalities", "names would belong to several modalities"),
    Demand.TOLERANCE_NAMES: ("name would belong to several tolerances", "names would belong to several tolerances"),
    Demand.TOLERANCE_LENGTHS: ("tolerance's name would be too long", "tolerances' names would be too long"),
    Demand.ONE_OF: ("row has another value", "rows have other values"),
    Demand.SINGLE: ("row where there may be one", "rows where there may be one"),
    Demand.NONE: ("row where there may be none", "rows where there may be none"),
    Demand.UNFINISHED: ("test list instance is in progress", "test list instances are in progress"),
    Demand.NUMBERING: ("number is taken", "numbers are taken"),
    Demand.HISTORY: ("migration differs", "migrations differ"),
    Demand.SCRIPTS: ("script would be torn", "scripts would be torn"),
    Demand.LEFTOVER: ("table is left over", "tables are left over"),
    Demand.CONSTRAINT: ("constraint differs", "constraints differ"),
    Demand.ENGINE: ("table is of another engine", "tables are of other engines"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOnPath:
    """The site's data beside the path that its migrations lie on."""

    data: DataAhead
    path: UpgradePath

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return both(facts.get(DataAhead), facts.get(UpgradePath), lambda data, path: cls(data=data, path=path))

    def examined(self, demands: tuple[Demand, ...]) -> Iterator[Examined]:
        """Yield what some migration on the path demands of this vendor, and what could be found of it."""
        seen = set()
        for item in self.data.examined:
            wanted = item.precondition
            what = (wanted.demand, wanted.table, wanted.columns, wanted.values, wanted.of_test_type)
            matters = self.data.vendor in wanted.stops or bool(wanted.otherwise)
            if wanted.demand in demands and matters and self.path.crosses(wanted.target) and what not in seen:
                seen.add(what)
                yield item


def offences(fact: DataOnPath, *demands: Demand) -> Answer:
    """Tell what does not keep to the demands: an error where a migration stops or loses something, else a warning."""
    return _answer(fact, demands, _graded)


def remarks(fact: DataOnPath, *demands: Demand) -> Answer:
    """Tell what is worth knowing, and stops nothing."""
    return _answer(fact, demands, _remarked)


def _graded(told: Told, item: Examined, vendor: str) -> Finding:
    tell = error if vendor in item.precondition.stops or item.precondition.loses else warning
    return tell(told.message, hint=told.hint, where=told.where)


def _remarked(told: Told, _item: Examined, _vendor: str) -> Finding:
    return info(told.message, hint=told.hint, where=told.where)


def _answer(fact: DataOnPath, demands: tuple[Demand, ...], make: Callable[[Told, Examined, str], Finding]) -> Answer:
    examined = tuple(fact.examined(demands))
    if not examined:
        return NotApplicable("no migration on the way asks for this here")
    vendor = fact.data.vendor
    findings = [make(told, item, vendor) for item in examined if (told := _told(item, vendor)) is not None]
    blind = [item.offenders for item in examined if isinstance(item.offenders, Unobserved)]
    if not blind:
        return findings
    reason = "; ".join(dict.fromkeys(one.reason for one in blind))
    asked = any(one.asked for one in blind)
    if not findings:
        return Unobserved(reason, asked=asked)
    if not asked:
        return findings
    return [*findings, error(f"More could not be looked at: {reason}", hint="Mend this, and run preflight again.")]


@dataclass(frozen=True, slots=True)
class Told:
    """What a finding says, before it is known how grave it is."""

    message: str
    hint: str
    where: str


def _told(item: Examined, vendor: str) -> Told | None:
    wanted, offenders = item.precondition, item.offenders
    if isinstance(offenders, Unobserved) or not offenders.count:
        return None
    happens = wanted.effect if vendor in wanted.stops else wanted.otherwise
    return Told(
        message=f"{_counted(offenders, wanted)}. {happens[:1].upper()}{happens[1:]} ({wanted.migration})",
        hint=to_type(wanted.mend, *_typed(wanted.lines, offenders)),
        where=".".join(filter(None, (wanted.table, ", ".join(wanted.columns)))),
    )


def _typed(lines: tuple[str, ...], offenders: Offenders) -> Iterator[str]:
    """Yield the lines to type; one with ``{offender}`` for each, without what is told of it in brackets."""
    names = [name.partition(" (")[0] for name in offenders.named]
    for line in lines:
        if "{offender}" in line:
            yield from (line.replace("{offender}", name) for name in names)
        else:
            yield line


def _counted(offenders: Offenders, wanted: Precondition) -> str:
    one, several = _NOUNS[wanted.demand]
    rest = "; ..." if len(offenders.named) < offenders.count and wanted.demand not in _NAMED_BY_VALUE else ""
    return f"{offenders.count} {one if offenders.count == 1 else several}: {'; '.join(offenders.named)}{rest}"


# Where one name stands for several rows.
_NAMED_BY_VALUE = frozenset((Demand.CHOICES, Demand.WHOLE_CHOICES))
