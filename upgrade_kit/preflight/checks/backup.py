"""Is there a way back, and is it proved?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from upgrade_kit.model.backup import OTHER_DATABASE
from upgrade_kit.model.deployment import Backups, Schema, SchemaState
from upgrade_kit.model.finding import NotApplicable, Passed
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import Outcome, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, error, to_type
from upgrade_kit.preflight.facts import Facts, then


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupsOfSite:
    """The backups, and what one would be for.

    Attributes:
        backups: what was found.
        work_ahead: whether anything is going to be written.
        is_spoilt: whether the database holds spoilt data, so that a backup of it is of no use.
        arguments: the words that name this site on a command line.
    """

    backups: Backups
    work_ahead: bool
    is_spoilt: bool
    arguments: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        schema = facts.get(Schema)
        return then(
            facts.get(Backups),
            lambda known: cls(
                backups=known,
                work_ahead=_work_ahead(facts.get(UpgradePath), facts.get(RewritePlan)),
                is_spoilt=isinstance(schema, Schema) and schema.state is SchemaState.SKIPPED,
                arguments=facts.arguments,
            ),
        )


def _work_ahead(path: UpgradePath | Unobserved, plan: RewritePlan | Unobserved) -> bool:
    """Tell whether the upgrade or rewrite-calcs is going to write; in doubt, yes."""
    if isinstance(path, Unobserved) or isinstance(plan, Unobserved):
        return True
    return bool(path.hops) or any(item.rewrite.outcome is Outcome.REWRITE for item in plan.items)


@check(
    "UK204",
    "A verified backup of the database as it stands exists",
    reads=BackupsOfSite,
    section="docs/install/win.rst and linux.rst (v0.3.0), Backing up your database",
)
def verified_backup_exists(fact: BackupsOfSite) -> Answer:
    """The migration cannot be undone; a backup that was never proved is a hope."""
    if fact.is_spoilt:
        return NotApplicable("the data is spoilt, see UK302: what is wanted is the backup from before")
    if not fact.work_ahead:
        return NotApplicable("nothing is going to be written")
    if fact.backups.current:
        newest = fact.backups.current[0]
        return Passed(f"{newest.made.manifest} ({newest.verified_at:%Y-%m-%d %H:%M} UTC)")
    looked_in = ", ".join(str(folder) for folder in fact.backups.looked_in) or "no folder"
    own = [(path, reason) for path, reason in fact.backups.stale if not reason.startswith(OTHER_DATABASE)]
    stale = "".join(f"; {manifest}: {reason}" for manifest, reason in own)
    return [
        error(
            f"no verified backup of this database as it stands now was found in {looked_in}{stale}",
            hint=to_type(
                "Stop the site, make a backup and have it proved (with --to-dir on another disk). "
                "If there is one elsewhere, name its folder with --backup.",
                f"upgrade-kit backup {fact.arguments}".rstrip(),
            ),
        )
    ]


CHECKS = (verified_backup_exists,)
