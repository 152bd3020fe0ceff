"""``upgrade-kit verify``: is the upgraded site what it should be, and is everything still there?"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import nullcontext
from dataclasses import replace
from io import StringIO
from pathlib import Path

from packaging.specifiers import SpecifierSet

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import (
    add_backup_argument,
    add_output_arguments,
    add_site_arguments,
    backup_folders,
    default_site,
)
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.survey import resolve_address, survey
from upgrade_kit.deployment.verification import compile_with, count_rows, look_at_page, rows_of_backups
from upgrade_kit.model.deployment import Deployment, Interpreters, ServiceScripts
from upgrade_kit.model.finding import Verdict
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.verification import Compiled, Page, RowsThen, Verification
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.installed import load_checks
from upgrade_kit.preflight.journey import path_of
from upgrade_kit.preflight.runner import run_preflight
from upgrade_kit.preflight.selection import select
from upgrade_kit.report.document import to_json
from upgrade_kit.report.preflight import preflight_document, render_preflight
from upgrade_kit.report.terminal import looking, make_console

# What is asked besides the family of its own: the schema, foreign keys, and the migration's log.
_ASKED = ("verify", "schema", "UK307", "UK505")
_NOT_SERVED = Unobserved("--no-page: nobody serves the site yet", asked=False)
_NO_ADDRESS = Unobserved("nobody said where the site answers; --url names its address", asked=False)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``verify``."""
    add_site_arguments(parser, versions=False)
    add_backup_argument(parser)
    page = parser.add_mutually_exclusive_group()
    page.add_argument("--url", metavar="URL", help="where the site answers, for example http://localhost:8080/")
    page.add_argument("--no-page", action="store_true", help="do not ask for a page: nobody serves the site yet")
    parser.add_argument("--python", metavar="PATH", help="the Python with which the site runs now")
    add_output_arguments(parser)


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Look at the upgraded site, ask the checks, and print the answers.

    Raises:
        UsageError: ``--url`` is no address.
        UpgradeKitError: the site's folder is none.
    """
    site = default_site(arguments.site, arguments.database)
    page = None if arguments.url is None else look_at_page(arguments.url)  # a slip is told first
    python = None if arguments.python is None else Path(arguments.python)
    with nullcontext() if arguments.quiet else looking(streams.err, color=streams.color(arguments)) as watch:
        deployment = survey(
            None if site is None else Path(site),
            database=arguments.database,
            password=streams.password(),
            environment=streams.environment,
            python=python,
            backup_folders=(),
            server=False,
            watch=watch,
        )
        verification = Verification(
            page=_NOT_SERVED if arguments.no_page else _page(deployment) if page is None else page,
            rows_now=_rows(arguments, streams, site),
            backups=_backups(arguments, streams, site, deployment),
            compiled=_compiled(deployment, python, streams),
        )
    deployment = replace(deployment, verification=verification)
    path = _path(deployment)
    checks, _ = select(load_checks().checks, only=_ASKED)
    verified = run_preflight(deployment, path, checks=checks)
    if arguments.format == "json":
        document = preflight_document(verified, path=path, deployment=deployment) | {"command": "verify"}
        streams.emit(to_json(document), arguments)
    else:
        text = StringIO()
        console = make_console(
            streams.out if arguments.output is None else text,
            color=streams.color(arguments) if arguments.output is None else False,
        )
        render_preflight(
            verified,
            console,
            path=path,
            deployment=deployment,
            command="verify",
            verbose=arguments.verbose,
            quiet=arguments.quiet,
        )
        if arguments.output is not None:
            streams.emit(text.getvalue(), arguments)
    return {Verdict.GO: Exit.DONE, Verdict.NO_GO: Exit.FINDINGS, Verdict.UNKNOWN: Exit.FAILED}[verified.verdict]


def _path(deployment: Deployment) -> UpgradePath | Unobserved:
    """Return the path of a site that is where it should be: it starts and ends there."""
    version = deployment.version
    if isinstance(version, Unobserved):
        return version
    node = VersionGraph.load().resolve(version)
    return path_of(deployment, str(node.version))


def _page(deployment: Deployment) -> Page | Unobserved:
    """Ask the address that the service script of this site states, where there is one."""
    scripts = deployment.service_scripts
    if isinstance(scripts, ServiceScripts):
        ports = [one.port.value for one in scripts.scripts if one.is_this_site is True]
        numbers = [port for port in ports if isinstance(port, int)]
        if numbers:
            return look_at_page(f"http://localhost:{numbers[0]}/")
    return _NO_ADDRESS


def _rows(arguments: Namespace, streams: Streams, site: str | None) -> tuple[tuple[str, int], ...] | Unobserved:
    address = resolve_address(site, database=arguments.database, password=streams.password())
    return address if isinstance(address, Unobserved) else count_rows(address)


def _backups(
    arguments: Namespace, streams: Streams, site: str | None, deployment: Deployment
) -> tuple[RowsThen, ...] | Unobserved:
    address = resolve_address(site, database=arguments.database, password=streams.password())
    version = deployment.version
    if isinstance(address, Unobserved):
        return address
    if isinstance(version, Unobserved):
        return Unobserved(f"from before which version is not known: {version.reason}")
    named = tuple(map(Path, arguments.backup))
    folders = named or backup_folders(site, arguments.database, ())
    return rows_of_backups(folders, address, version, every=bool(named))


def _compiled(deployment: Deployment, python: Path | None, streams: Streams) -> Compiled | Unobserved:
    database = deployment.database
    if isinstance(database, Unobserved):
        return database
    if isinstance(database.procedures, Unobserved):
        return database.procedures
    if python is None:
        found = _suitable(deployment)
        if isinstance(found, Unobserved):
            return found
        python = found
    uploads = [procedure for procedure in database.procedures if procedure.type == "upload"]
    return compile_with(python, uploads, streams.environment)


def _suitable(deployment: Deployment) -> Path | Unobserved:
    """Return a Python of this machine that the site's version runs on."""
    version, known = deployment.version, deployment.interpreters
    if isinstance(version, Unobserved):
        return version
    if not isinstance(known, Interpreters):
        return known
    wanted = SpecifierSet(VersionGraph.load().resolve(version).python)
    for one in known.found:
        if wanted.contains(one.version, prereleases=True):
            return one.path
    return Unobserved(f"no Python {wanted} was found here; --python names the one with which the site runs")
