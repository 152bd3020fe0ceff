"""``upgrade-kit plan``: every step of one site's upgrade, with its own paths, database and versions."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from upgrade_kit import __version__
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import add_output_arguments, add_site_arguments, default_site
from upgrade_kit.cli.path import starting_version
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.plan_facts import Wishes, plan_facts
from upgrade_kit.deployment.survey import resolve_address, survey
from upgrade_kit.errors import UsageError
from upgrade_kit.model.plan import Plan
from upgrade_kit.model.step import SYSTEMS
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.plan import make_plan
from upgrade_kit.report.bash_script import bash_script
from upgrade_kit.report.document import to_json
from upgrade_kit.report.plan import plan_document, plan_markdown, render_plan, render_plan_outline
from upgrade_kit.report.powershell_script import BYTE_ORDER_MARK, powershell_script

_SCRIPTS = {"powershell": ("Windows", powershell_script), "bash": ("Linux", bash_script)}
FORMATS = ("table", "json", "markdown", *_SCRIPTS)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``plan``."""
    add_site_arguments(parser)
    add_plan_arguments(parser)
    parser.add_argument(
        "--system",
        choices=[system.lower() for system in SYSTEMS],
        help="whose commands and folders (default: that of this machine, or of the script that is asked for)",
    )
    add_output_arguments(parser, formats=FORMATS)


def add_plan_arguments(parser: ArgumentParser) -> None:
    """Add what a user may say of a plan."""
    parser.add_argument("--python", metavar="PATH", help="the Python of which the new environment is to be made")
    parser.add_argument(
        "--site-python", metavar="PATH", help="the Python of the environment in which the site runs now"
    )
    parser.add_argument(
        "--to-dir",
        metavar="DIR",
        help="folder for backups, copies and logs, outside the checkout (default: SITE-upgrade, beside it)",
    )
    parser.add_argument(
        "--remote", metavar="URL", default="", help="git repository to fetch from (default: QATrack+'s own, on GitHub)"
    )


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Print the plan.

    Raises:
        UsageError: there is no path, or the work folder is inside the checkout.
        UpgradeKitError: the site's version cannot be known, or a rules file is wrong.
    """
    system = next((name for name in SYSTEMS if name.lower() == arguments.system), "")
    if arguments.format in _SCRIPTS:
        own = _SCRIPTS[arguments.format][0]
        if system and system != own:
            raise UsageError(f"--system {arguments.system}: a {arguments.format} script is for {own}")
        system = own
    plan = plan_of(arguments, streams, system=system)
    streams.emit(_answer(plan, arguments, streams), arguments)
    return Exit.DONE


def plan_of(arguments: Namespace, streams: Streams, *, system: str = "") -> Plan:
    """Return the plan that the command line asks for.

    Args:
        arguments: those of ``add_site_arguments`` and ``add_plan_arguments``.
        streams: where the password comes from.
        system: ``Windows`` or ``Linux``; by default that of this machine.

    Raises:
        UsageError: there is no path, or the work folder is inside the checkout.
        UpgradeKitError: the site's version cannot be known, or a rules file is wrong.
    """
    graph = VersionGraph.load()
    graph.resolve(arguments.target)  # a misspelt target is told before the site is looked at
    site = default_site(arguments.site, arguments.database)
    work = None if arguments.to_dir is None else Path(arguments.to_dir)
    if work is not None and site is not None and work.resolve().is_relative_to(Path(site).resolve()):
        raise UsageError(
            f"--to-dir {work}: this is inside the checkout, where git and the web server reach",
            hint="Name a folder outside it.",
        )
    python, site_python = _from_anywhere(arguments.python), _from_anywhere(arguments.site_python)
    deployment = survey(
        site,
        database=arguments.database,
        password=streams.password(),
        python=python,
        server=False,
        data=False,
    )
    source = starting_version(deployment) if arguments.source is None else arguments.source
    path = graph.path(source, arguments.target)
    address = resolve_address(site, database=arguments.database, password=streams.password())
    told = arguments.database is not None and not _settings_lead_to(site, address)
    typed = told and isinstance(address, DatabaseAddress) and bool(address.password)  # it is in no command of the plan
    facts = plan_facts(
        deployment,
        path,
        address,
        database_option=told,
        has_password=typed or streams.password() is not None,
        wishes=Wishes(system=system, work=work, python=python, site_python=site_python, remote=arguments.remote),
    )
    return make_plan(facts, path)


def _from_anywhere(path: str | None) -> Path | None:
    """Return a path for the plan's commands, which run in other folders than this one."""
    if path is None:
        return None
    return Path(path).absolute() if Path(path).exists() else Path(path)  # it may be of another system


def _settings_lead_to(site: str | None, address: DatabaseAddress | Unobserved) -> bool:
    if site is None or isinstance(address, Unobserved):
        return False
    stated = resolve_address(site)
    return not isinstance(stated, Unobserved) and stated.leads_where(address)


def _answer(plan: Plan, arguments: Namespace, streams: Streams) -> str:
    match arguments.format:
        case "json":
            return to_json(plan_document(plan))
        case "markdown":
            return plan_markdown(plan)
        case "table":
            return render_plan_outline(plan) if arguments.quiet else render_plan(plan)
        case shell:
            script = _SCRIPTS[shell][1](plan, made=datetime.now(UTC), version=__version__)
            _refuse_what_cannot_be_written(script, arguments, streams)
            marked = shell == "powershell" and arguments.output is not None
            return BYTE_ORDER_MARK + script if marked else script


def _refuse_what_cannot_be_written(script: str, arguments: Namespace, streams: Streams) -> None:
    """Let no script out in which an encoding has changed a path."""
    encoding = "utf-8" if arguments.output is not None else streams.out.encoding or "utf-8"
    try:
        script.encode(encoding)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"standard output is {encoding}, which cannot hold {error.object[error.start : error.end]!a} of the script",
            hint="Write it to a file with --output.",
        ) from error
