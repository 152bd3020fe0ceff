"""Where a site's upgrade starts and ends, and what becomes of its procedures, from what was observed."""

from __future__ import annotations

from packaging.version import Version

from upgrade_kit.errors import VersionError
from upgrade_kit.model.deployment import (
    Database,
    Deployment,
    Schema,
    SchemaState,
)
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.rewriting.plan import plan_rewrites

TARGET = "0.3.0"


def path_of(
    deployment: Deployment, target: str = TARGET, *, graph: VersionGraph | None = None
) -> UpgradePath | Unobserved:
    """Return the path from a site's version to the target, or why there is none to be known.

    Raises:
        VersionError: the target is unknown, or there is no path to it.
        RulesError: a rules file is wrong.
    """
    graph = graph or VersionGraph.load()
    start = _start(deployment)
    if isinstance(start, Unobserved):
        return start
    try:
        graph.resolve(start)
    except VersionError as error:
        return Unobserved(error.message)
    return graph.path(start, target)


def plan_of(deployment: Deployment) -> RewritePlan | Unobserved:
    """Return what becomes of a site's procedures, or why that is not known."""
    if isinstance(deployment.database, Unobserved):
        return deployment.database
    if isinstance(deployment.database.procedures, Unobserved):
        return deployment.database.procedures
    return plan_rewrites(deployment)


def _start(deployment: Deployment) -> Version | Unobserved:
    """Return where the path starts: the site's version, or where a half-done migration began."""
    database = deployment.database
    schema = database.schema if isinstance(database, Database) else database
    if isinstance(schema, Schema):
        if schema.state is SchemaState.SKIPPED:
            return Unobserved("no path starts from a database whose data is spoilt, see UK302", asked=False)
        if schema.state is SchemaState.PARTIAL and schema.version is not None:
            return schema.version
    if isinstance(deployment.version, Unobserved):
        return Unobserved(f"the site's version is not known: {deployment.version.reason}")
    return deployment.version
