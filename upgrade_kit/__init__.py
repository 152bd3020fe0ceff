"""upgrade-kit: make the upgrade of QATrack+ safe.

Every name below is loaded when it is first used, so that importing the package costs nothing and
touches nothing: no site, no settings, no Django.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # what type checkers look for; typing itself takes a third of the start to import
if TYPE_CHECKING:
    from upgrade_kit.backup.create import create_backup
    from upgrade_kit.backup.restore import restore_backup
    from upgrade_kit.backup.verify import verify_backup
    from upgrade_kit.deployment.approvals import read_approvals
    from upgrade_kit.deployment.migrate_log import read_migrate_log
    from upgrade_kit.deployment.plan_facts import plan_upgrade
    from upgrade_kit.deployment.store import apply_rewrites, undo_rewrites
    from upgrade_kit.deployment.survey import survey
    from upgrade_kit.errors import UpgradeKitError
    from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Severity, Verdict
    from upgrade_kit.model.rewrite import Outcome
    from upgrade_kit.model.unobserved import Unobserved
    from upgrade_kit.planning.graph import VersionGraph
    from upgrade_kit.preflight.runner import run_preflight
    from upgrade_kit.rewriting.explain import explain_procedure
    from upgrade_kit.rewriting.plan import plan_rewrites
    from upgrade_kit.rewriting.rewrite import rewrite_procedure
    from upgrade_kit.rewriting.settings.rewrite import rewrite_settings

__version__ = "0.1.0"

__all__ = [
    "CouldNotRun",
    "Found",
    "NotApplicable",
    "Outcome",
    "Passed",
    "Severity",
    "Unobserved",
    "UpgradeKitError",
    "Verdict",
    "VersionGraph",
    "__version__",
    "apply_rewrites",
    "create_backup",
    "explain_procedure",
    "plan_rewrites",
    "plan_upgrade",
    "read_approvals",
    "read_migrate_log",
    "restore_backup",
    "rewrite_procedure",
    "rewrite_settings",
    "run_preflight",
    "survey",
    "undo_rewrites",
    "verify_backup",
]

_HOMES = {
    "CouldNotRun": "upgrade_kit.model.finding",
    "Found": "upgrade_kit.model.finding",
    "NotApplicable": "upgrade_kit.model.finding",
    "Outcome": "upgrade_kit.model.rewrite",
    "Passed": "upgrade_kit.model.finding",
    "Severity": "upgrade_kit.model.finding",
    "Unobserved": "upgrade_kit.model.unobserved",
    "UpgradeKitError": "upgrade_kit.errors",
    "Verdict": "upgrade_kit.model.finding",
    "VersionGraph": "upgrade_kit.planning.graph",
    "apply_rewrites": "upgrade_kit.deployment.store",
    "create_backup": "upgrade_kit.backup.create",
    "explain_procedure": "upgrade_kit.rewriting.explain",
    "plan_rewrites": "upgrade_kit.rewriting.plan",
    "plan_upgrade": "upgrade_kit.deployment.plan_facts",
    "read_approvals": "upgrade_kit.deployment.approvals",
    "read_migrate_log": "upgrade_kit.deployment.migrate_log",
    "restore_backup": "upgrade_kit.backup.restore",
    "rewrite_procedure": "upgrade_kit.rewriting.rewrite",
    "rewrite_settings": "upgrade_kit.rewriting.settings.rewrite",
    "run_preflight": "upgrade_kit.preflight.runner",
    "survey": "upgrade_kit.deployment.survey",
    "undo_rewrites": "upgrade_kit.deployment.store",
    "verify_backup": "upgrade_kit.backup.verify",
}


def __getattr__(name: str) -> object:
    """Load a public name on its first use (PEP 562)."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name what ``from upgrade_kit import`` can reach."""
    return sorted(__all__)
