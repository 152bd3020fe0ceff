"""The commands, their options and the exit status, as the parsers and the enum have them."""

from __future__ import annotations

import inspect
import re
from argparse import SUPPRESS, Action, ArgumentParser

from documentation.command_lines import parser_of
from documentation.made import table
from upgrade_kit.cli import exit as exits
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.main import COMMANDS

_MEMBER = re.compile(r"^    (?P<name>[A-Z]+) = (?P<number>\d+)  # (?P<meaning>.+)$", re.MULTILINE)
_COMPLETE = re.compile(r"[.!?]$")


def commands() -> list[str]:
    """Return a section for each command: what it does, its use, its arguments."""
    lines: list[str] = []
    for name, summary in COMMANDS.items():
        parser = parser_of(name)
        lines += [f"## {name}", "", _sentence(summary), "", "```", *_use(name, parser), "```", ""]
        actions = [action for action in parser._actions if action.help not in {None, SUPPRESS}]  # noqa: SLF001
        lines += table(("argument", "what it does"), [_row(action) for action in actions if action.dest != "help"])
        lines.append("")
    return lines


def exit_status() -> list[str]:
    """Return the table of what a command can end with."""
    found = {match["name"]: match["meaning"] for match in _MEMBER.finditer(inspect.getsource(exits))}
    return table(("status", "name", "meaning"), [(f"`{int(one)}`", one.name, found[one.name]) for one in Exit])


def _use(name: str, parser: ArgumentParser) -> list[str]:
    if parser.usage:
        return [re.sub(r"^ +(?=upgrade-kit)", "", line) for line in parser.usage.splitlines()]
    positional = [action for action in parser._actions if not action.option_strings]  # noqa: SLF001
    words = [f"[{_metavar(one)}]" if one.nargs in {"?", "*"} else _metavar(one) for one in positional]
    return [" ".join(["upgrade-kit", name, *words, "[options]"])]


def _row(action: Action) -> tuple[str, str]:
    takes = "" if action.nargs == 0 else f" {_metavar(action)}"
    names = ", ".join(f"`{option}{takes}`" for option in action.option_strings) or f"`{_metavar(action)}`"
    filled = {**vars(action), "prog": "upgrade-kit"}
    return names, _plain((action.help or "") % filled)


def _metavar(action: Action) -> str:
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if _COMPLETE.search(text) else '.'}"
