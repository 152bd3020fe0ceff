"""How a command looks at a whole site: its options, the survey, and the path that starts there."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upgrade_kit.cli.options import (
    add_backup_argument,
    add_site_arguments,
    backup_folder,
    backup_folders,
    default_site,
)
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.migrate_log import read_migrate_log
from upgrade_kit.deployment.survey import TIME_LIMIT_SECONDS, survey
from upgrade_kit.errors import UsageError
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.journey import path_of, plan_of
from upgrade_kit.preflight.needs import facts_needed
from upgrade_kit.report.terminal import looking

_ALWAYS = frozenset(("checkout",))  # which every answer names the version of


def add_survey_arguments(parser: ArgumentParser) -> None:
    """Add the options that say what is looked at."""
    add_site_arguments(parser)
    parser.add_argument("--python", metavar="PATH", help="an interpreter to ask too, where it is not found by itself")
    parser.add_argument(
        "--venv",
        metavar="DIR",
        action="append",
        default=[],
        help="the site's virtual environment, where it is not found by itself; may be given more than once",
    )
    add_backup_argument(parser)
    parser.add_argument("--log", metavar="FILE", help="migrate.log, or what the migration showed on the screen")
    parser.add_argument(
        "--service-export",
        metavar="FILE",
        action="append",
        default=[],
        help="what sc.exe query NAME and sc.exe qc NAME printed on the server, where this runs elsewhere; may be "
        "given more than once",
    )
    parser.add_argument(
        "--iis",
        metavar="FOLDER_OR_FILE",
        action="append",
        default=[],
        help="web.config and applicationHost.config of IIS, or a folder that holds them; may be given more than once",
    )
    parser.add_argument(
        "--sql",
        metavar="FILE",
        action="append",
        default=[],
        help="a file of SQL that the site keeps (a report, a job), searched for what the migrations take away; may be "
        "given more than once",
    )
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=_seconds,
        default=TIME_LIMIT_SECONDS,
        help="how long looking at one thing (the database, the interpreters ...) may take; what takes longer could "
        "not be looked at (default: %(default)g)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one look at a site gave.

    Attributes:
        deployment: what was observed.
        way: the path to the target as the checks take it, or why it is not known.
        asked_from: whether ``--from`` says where it starts.
    """

    deployment: Deployment
    way: UpgradePath | Unobserved
    asked_from: bool

    @property
    def path(self) -> UpgradePath | Unobserved:
        """The path to be shown: half way between two versions the checks know from where, but none starts there."""
        version = self.deployment.version
        return version if not self.asked_from and isinstance(version, Unobserved) else self.way


def look(
    arguments: Namespace, streams: Streams, *, quiet: bool = False, facts: Collection[str] | None = None
) -> Looked:
    """Survey the site that the options name; what was misspelt is told before it is looked at.

    Args:
        arguments: see ``add_survey_arguments``.
        streams: where to tell what is being looked at.
        quiet: whether to tell nothing of that.
        facts: the attributes of ``Deployment`` that are wanted, by default all.

    Raises:
        UsageError: a version, a file or an interpreter that was named is none, or there is no path to the target.
        UpgradeKitError: the site's folder is none, the log cannot be read, or a rules file is wrong.
    """
    graph = VersionGraph.load()
    graph.resolve(arguments.target)  # a misspelt version is told before the site is looked at
    if arguments.source is not None:
        graph.path(arguments.source, arguments.target)
    if arguments.log is not None:
        read_migrate_log(arguments.log)  # one that cannot be read is told before the site is looked at
    site = default_site(arguments.site, arguments.database)
    with nullcontext() if quiet else looking(streams.err, color=streams.color(arguments)) as watch:
        deployment = survey(
            None if site is None else Path(site),
            database=arguments.database,
            password=streams.password(),
            environment=streams.environment,
            python=None if arguments.python is None else Path(arguments.python),
            environments=tuple(map(_existing, arguments.venv)),
            log=None if arguments.log is None else Path(arguments.log),
            backup_folders=backup_folders(site, arguments.database, arguments.backup),
            backup_to=backup_folder(arguments.backup),
            service_exports=tuple(map(_existing, arguments.service_export)),
            iis=tuple(map(_existing, arguments.iis)),
            sql=tuple(map(_existing, arguments.sql)),
            facts=facts,
            time_limit_seconds=arguments.time_limit,
            watch=watch,
        )
    _check_python(arguments.python, deployment)
    if arguments.source is not None:
        way: UpgradePath | Unobserved = graph.path(arguments.source, arguments.target)
    else:
        way = path_of(deployment, arguments.target, graph=graph)
    return Looked(deployment=deployment, way=way, asked_from=arguments.source is not None)


def look_for(checks: Sequence[Check[Any]], arguments: Namespace, streams: Streams, *, quiet: bool = False) -> Looked:
    """Survey what these checks read of the site that the options name, and look at nothing slow besides.

    It begins with what costs nothing, and looks again for what the facts turn out to be put together from.

    Raises:
        UsageError, UpgradeKitError: as ``look`` does.
    """
    facts: frozenset[str] = frozenset()
    while True:
        looked = look(arguments, streams, quiet=quiet or not facts, facts=facts)
        seen = looked.deployment
        plan = plan_of(seen)
        needed = facts_needed(checks, seen, looked.way, plan, path_is_given=looked.asked_from) | _ALWAYS
        if needed <= facts:
            return looked
        facts |= needed


def _seconds(text: str) -> float:
    """Return a limit of time.

    Raises:
        ValueError: it is no number above 0, which argparse tells.
    """
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(text)
    return seconds


def _existing(name: str) -> Path:
    """Return a file or folder that was named.

    Raises:
        UsageError: there is none.
    """
    path = Path(name)
    if not path.exists():
        raise UsageError(f"there is no {name}", hint="Name a file that is there.")
    return path


def _check_python(named: str | None, deployment: Deployment) -> None:
    """Refuse an interpreter that was named and does not answer.

    Raises:
        UsageError: it does not.
    """
    if named is None or isinstance(deployment.interpreters, Unobserved):
        return
    for path, reason in deployment.interpreters.silent:
        if Path(path) == Path(named):
            raise UsageError(
                f"--python {named}: {reason}", hint="Name a Python, for example one that 'where python' lists."
            )
