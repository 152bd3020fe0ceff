"""A command line of the kit, read as its own parser reads it, without carrying it out."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser
from functools import cache
from importlib import import_module

from upgrade_kit.cli.main import COMMANDS

_POWERSHELL_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s"'])+""")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_ENDS = {"||", "|", ">", ">>", "&&", ";", "#"}  # what follows is no part of the kit's command


class _Strict(ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # argparse would end the process
        raise ValueError(message)


@cache
def parser_of(command: str) -> ArgumentParser:
    """Return the parser of one command, with the arguments that the command itself declares."""
    parser = _Strict(prog=f"upgrade-kit {command}", allow_abbrev=False)
    import_module(f"upgrade_kit.cli.{command.replace('-', '_')}").add_arguments(parser)
    return parser


def words(command: str, shell: str = "bash") -> list[str]:
    """Take a command line apart as the shell does, up to a pipe or the like."""
    if shell == "powershell":
        parts = [re.sub(r"[\"']", "", word) for word in _POWERSHELL_WORD.findall(command)]
    else:
        parts = shlex.split(command)
    end = next((place for place, word in enumerate(parts) if word in _ENDS), len(parts))
    return parts[:end]


def check(command: str, shell: str = "bash") -> None:
    """Read a command line with the kit's parser.

    Raises:
        ValueError: the kit has no such command, option or choice.
    """
    _, name, *arguments = words(command, shell)
    if [name, *arguments] == ["--version"]:
        return
    if name not in COMMANDS:
        raise ValueError(f"upgrade-kit has no command {name}")
    parser_of(name).parse_args(arguments)


def check_mentioned(text: str) -> None:
    """See that the command and every option of an outline (``upgrade-kit backup SITE [--to-dir DIR]``) are there.

    Raises:
        ValueError: one is not.
    """
    name = text.split()[1]
    if name.startswith(("-", "[")) or name == "COMMAND":
        return
    if name not in COMMANDS:
        raise ValueError(f"upgrade-kit has no command {name}")
    options = {option for action in parser_of(name)._actions for option in action.option_strings}  # noqa: SLF001
    if unknown := set(_OPTION.findall(text)) - options:
        raise ValueError(f"upgrade-kit {name} has no {', '.join(sorted(unknown))}")
