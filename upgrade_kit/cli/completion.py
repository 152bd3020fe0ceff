"""``upgrade-kit completion``: the script for a shell, and the answers that the script asks for."""

from __future__ import annotations

import os
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.streams import Streams

SHELLS = ("bash", "zsh", "fish", "powershell")
ASKED = "_ARGCOMPLETE"  # the variable by which the script asks


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``completion``."""
    parser.add_argument("shell", choices=SHELLS, help="whose script")


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Print the script."""
    from argcomplete.shell_integration import shellcode  # noqa: PLC0415 - only what is asked for is loaded

    streams.out.write(shellcode(["upgrade-kit"], shell=arguments.shell))
    streams.out.flush()
    return Exit.DONE


def complete() -> None:
    """Answer a shell that asks what could come next, and end the process."""
    import argcomplete  # noqa: PLC0415 - as above

    from upgrade_kit.cli.parser import make_parser  # noqa: PLC0415 - `completion` itself does not need it

    words = os.environ.get("COMP_LINE", "").split()[1:]
    line = make_parser(words, teaching=False)
    for parser in filter(None, (line.parser, line.command)):
        for action in parser._actions:  # noqa: SLF001 - argparse tells them no other way
            _teach(action)
    argcomplete.autocomplete(line.parser, always_complete_options="long", default_completer=_files)  # type: ignore[arg-type]


def _teach(action: Action) -> None:
    """Tell argcomplete what an argument can be, where argparse does not say."""
    from argcomplete.completers import DirectoriesCompleter  # noqa: PLC0415 - as above

    completers: dict[object, Callable[..., object]] = {
        "SITE": DirectoriesCompleter(),
        "DIR": DirectoriesCompleter(),
        "ID": _ids,
        "ID_OR_FAMILY": _ids_and_families,
        "VERSION": _versions,
    }
    if action.metavar in completers:
        vars(action)["completer"] = completers[action.metavar]


def _files(*, prefix: str, **_: object) -> list[str]:
    """Return the files and folders that begin like this; argcomplete asks bash, which Windows has not."""
    folder, start = os.path.split(prefix)
    try:
        entries = sorted(Path(folder).expanduser().iterdir())
    except (OSError, RuntimeError):  # no such folder, or no such home
        return []
    before = prefix.removesuffix(start)
    found = [entry for entry in entries if entry.name.startswith(start) and (start or not entry.name.startswith("."))]
    return [f"{before}{entry.name}{'/' if entry.is_dir() else ''}" for entry in found]


def _ids(**_: object) -> list[str]:
    from upgrade_kit.cli.explain import known_ids  # noqa: PLC0415 - as above

    return known_ids()


def _ids_and_families(**_: object) -> list[str]:
    from upgrade_kit.preflight.installed import load_checks  # noqa: PLC0415 - as above
    from upgrade_kit.preflight.selection import families  # noqa: PLC0415

    checks = load_checks().checks
    return [*families(checks), *sorted(check.id for check in checks)]


def _versions(**_: object) -> list[str]:
    from upgrade_kit.planning.graph import VersionGraph  # noqa: PLC0415 - as above

    return [str(release.version) for release in VersionGraph.load().releases]
