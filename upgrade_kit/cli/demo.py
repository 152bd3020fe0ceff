"""``upgrade-kit demo``: a sample site, walked through path, preflight, backup and rewrite-calcs."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from contextlib import chdir, redirect_stdout
from pathlib import Path

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.main import main
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.sample import build_sample_database, build_sample_site
from upgrade_kit.errors import UpgradeKitError
from upgrade_kit.planning.graph import VersionGraph

_PREFIX = "upgrade-kit-demo-"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``demo``."""
    parser.add_argument("--keep", action="store_true", help="keep the sample site, and say where it is")
    parser.add_argument(
        "--build",
        metavar="DIR",
        help="only build the sample site, in a folder that does not exist yet, and run nothing",
    )
    parser.add_argument(
        "--at",
        metavar="VERSION",
        default="0.2.9.1",
        help="with --build: the version of the site (default: %(default)s)",
    )
    parser.add_argument("--no-color", action="store_true", help="no colour")


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Build the sample site, run the kit's own commands on it, and show each.

    Raises:
        UpgradeKitError: a step did not end as it should.
    """
    if arguments.build is not None:
        release = VersionGraph.load().resolve(arguments.at)
        build_sample_site(Path(arguments.build), release)
        streams.out.write(
            f"A sample site of QATrack+ {release.version} on SQLite, with invented data: {arguments.build}\n"
        )
        return Exit.DONE
    if arguments.keep:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            _walk(folder, arguments, streams)
        finally:
            _say(streams, f"The sample site is kept in {folder}")
    else:
        # It removes itself with the last that knows of it, where an interrupt comes in the middle of removing it.
        with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
            _walk(Path(name), arguments, streams)
    return Exit.DONE


def _walk(folder: Path, arguments: Namespace, streams: Streams) -> None:
    with chdir(folder):
        _steps(folder, arguments, streams)


def _steps(folder: Path, arguments: Namespace, streams: Streams) -> None:
    graph = VersionGraph.load()
    database = build_sample_site(folder / "qatrackplus", graph.resolve("0.2.9.1"))
    _say(
        streams,
        "A sample QATrack+ 0.2.9.1 on SQLite. First: which steps lead to 0.3.0? (Without -q: with the commands.)",
    )
    _step(["path", "qatrackplus", "-q"], (Exit.DONE,), arguments, streams)
    _say(streams, "A backup, proved by reading it back:")
    _step(["backup", "qatrackplus"], (Exit.DONE,), arguments, streams)
    _say(
        streams,
        "Everything that the upgrade needs, checked. (This machine may well have no Python 3.4 to 3.6: "
        "then the answer is NO_GO, and it says what to install.)",
    )
    _step(["preflight", "qatrackplus"], (Exit.DONE, Exit.FINDINGS, Exit.FAILED), arguments, streams)
    _say(streams, "What the calculation procedures must become. Before the upgrade this is a forecast:")
    _step(["rewrite-calcs", "qatrackplus"], (Exit.FINDINGS,), arguments, streams)

    _say(streams, "Now the same site as QATrack+'s own migration leaves it at 0.3.0: backup, then write.")
    database.unlink()
    build_sample_database(database, graph.resolve("0.3.0"))
    url = "sqlite:///qatrackplus/db/default.db"
    _step(["backup", "--database", url], (Exit.DONE,), arguments, streams)
    _step(["rewrite-calcs", "--database", url, "--apply", "-q"], (Exit.DONE,), arguments, streams)
    _say(streams, "And back again, to the last byte:")
    journal = next(iter(sorted(folder.glob("upgrade-kit-journal-*.json")))).name
    _step(["rewrite-calcs", "--database", url, "--undo", journal], (Exit.DONE,), arguments, streams)


def _step(command: list[str], expected: tuple[Exit, ...], arguments: Namespace, streams: Streams) -> None:
    _say(streams, f"$ upgrade-kit {' '.join(command)}")
    unseen = ["--no-memory"] * (command[0] == "preflight")  # the sample site will be gone
    with redirect_stdout(streams.out):  # which whoever runs this command has turned away
        status = main([*command, *unseen, *(["--no-color"] if arguments.no_color else [])], configured=False)
    if status == Exit.INTERRUPTED:
        raise KeyboardInterrupt
    if status not in expected:
        raise UpgradeKitError(
            f"demo: upgrade-kit {' '.join(command)} ended with status {status}",
            hint="That is a defect of upgrade-kit: please report it with what is shown above.",
        )


def _say(streams: Streams, text: str) -> None:
    streams.out.write(f"\n{text}\n")
    streams.out.flush()
