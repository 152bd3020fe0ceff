"""``upgrade-kit path``: the hops and steps from the site's version to the target."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import add_output_arguments, add_site_arguments, default_site
from upgrade_kit.cli.streams import Streams
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.report.path import path_document, render_outline, render_path
from upgrade_kit.report.shells import SHELLS

if TYPE_CHECKING:
    from packaging.version import Version

    from upgrade_kit.model.deployment import Deployment


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``path``."""
    add_site_arguments(parser)
    parser.add_argument(
        "--shell",
        choices=SHELLS,
        default=SHELLS[0] if os.name == "nt" else SHELLS[1],
        help="whose commands to show (default: %(default)s)",
    )
    add_output_arguments(parser)


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Print the path.

    Raises:
        UsageError: there is no path from the one version to the other.
        UpgradeKitError: the site's version cannot be known, or a rules file is wrong.
    """
    graph = VersionGraph.load()
    graph.resolve(arguments.target)  # a misspelt target is told before the site is looked at
    source = _observed_version(arguments, streams) if arguments.source is None else arguments.source
    path = graph.path(source, arguments.target)
    if arguments.format == "json":
        import json  # noqa: PLC0415 - the plain text starts faster without it

        text = json.dumps(path_document(path), indent=2) + "\n"
    else:
        text = render_outline(path) if arguments.quiet else render_path(path, shell=arguments.shell)
    streams.emit(text, arguments)
    return Exit.DONE


def _observed_version(arguments: Namespace, streams: Streams) -> Version:
    from upgrade_kit.deployment.survey import survey  # noqa: PLC0415 - Django, which --from does not need

    deployment = survey(
        default_site(arguments.site, arguments.database),
        database=arguments.database,
        password=streams.password(),
        interpreters=False,
        data=False,
        server=False,
    )
    version = starting_version(deployment)
    if deployment.versions_agree is False and not arguments.quiet:
        streams.err.write(
            f"upgrade-kit: checkout and database are at different versions; the path starts at {version}\n"
        )
    return version


def starting_version(deployment: Deployment) -> Version:
    """Return the version at which a site's path starts.

    Raises:
        SiteError: it is not known, or the database is between two versions.
    """
    from upgrade_kit.errors import SiteError  # noqa: PLC0415 - as above
    from upgrade_kit.model.deployment import Database, Schema, SchemaState  # noqa: PLC0415
    from upgrade_kit.model.unobserved import Unobserved  # noqa: PLC0415

    schema = deployment.database.schema if isinstance(deployment.database, Database) else deployment.database
    if isinstance(schema, Schema) and schema.state in {SchemaState.PARTIAL, SchemaState.SKIPPED}:
        state = "half way to" if schema.state is SchemaState.PARTIAL else "spoilt on a short cut to"
        raise SiteError(
            f"The database is {state} {schema.towards}: {' '.join(schema.evidence)}",
            hint="No path starts from here. Run upgrade-kit preflight for the cause and the way back.",
        )
    if isinstance(deployment.version, Unobserved):
        if isinstance(deployment.settings, Unobserved) and deployment.settings.asked:  # no checkout was found at all
            raise SiteError(
                f"{deployment.settings.reason}. A checkout is the folder that git clone made, with manage.py, qatrack "
                "and requirements in it, for example C:\\deploy\\qatrackplus",
                hint="Name that folder. Where only the steps are wanted, name the site's version with --from, for "
                "example --from 0.2.9.1.",
            )
        raise SiteError(
            f"The site's version is not known: {deployment.version.reason}",
            hint="Name it with --from, for example --from 0.2.9.1.",
        )
    return deployment.version
