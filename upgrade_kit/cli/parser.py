"""The parser of the command line, which loads no command but the one that is named."""

from __future__ import annotations

from argparse import HelpFormatter, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import ModuleType

from upgrade_kit.cli.main import COMMANDS
from upgrade_kit.cli.options import Parser

_EPILOG = (
    "Exit status: 0 go or done; 1 findings, NO_GO, or changes to apply; 2 usage; 3 could not finish; 130 interrupted."
)

_HELP_WIDTH = 78


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The parser, and what was loaded for it.

    Attributes:
        parser: of the whole line.
        command: the parser of the command that is named, if one is.
        module: the module of that command.
    """

    parser: Parser
    command: Parser | None
    module: ModuleType | None


def make_parser(argv: Sequence[str], *, teaching: bool | None = None) -> CommandLine:
    """Return the parser for a command line.

    Args:
        argv: the arguments after the program's name; only the command that they name is loaded.
        teaching: with examples at the end of the help; by default where help is asked for.
    """
    if teaching is None:
        teaching = any(word in {"-h", "--help"} for word in argv)
    # argparse makes a formatter for each argument that is added, and one that is not told its width
    # imports shutil to ask the terminal. The terminal is asked when help is printed.
    unasked = partial(HelpFormatter, width=80)
    parser = Parser(
        prog="upgrade-kit",
        description="Makes the upgrade of QATrack+ safe. Nothing of the site is written "
        "unless --apply, --undo or restore is typed.",
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=unasked,
    )
    parser.add_argument("-V", "--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    loaded: Parser | None = None
    module = None
    named = next((word for word in argv if not word.startswith("-")), None)
    first = [word for word in argv[:1] if word in COMMANDS]
    for name in first or COMMANDS:  # where the command comes first, nothing will list the others
        summary = COMMANDS[name]
        command = commands.add_parser(
            name, help=summary, description=_sentence(summary), allow_abbrev=False, formatter_class=unasked
        )
        if name == named:
            module = import_module(f"upgrade_kit.cli.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.add_argument(
                "--config", metavar="FILE", help="take what is not typed from here (default: upgrade-kit.toml)"
            )
            loaded = command
        command.formatter_class = HelpFormatter
    parser.formatter_class = HelpFormatter
    if loaded is not None:
        parser.options_of_command = tuple(option for action in loaded._actions for option in action.option_strings)  # noqa: SLF001 - argparse tells them no other way
    if teaching:
        _teach(parser, loaded, named)
    return CommandLine(parser, loaded, module)


def command_parser(name: str) -> Parser:
    """Return the parser of one command."""
    command = make_parser([name], teaching=False).command
    assert command is not None  # noqa: S101 - it is loaded because it is named
    return command


def _teach(parser: Parser, command: Parser | None, name: str | None) -> None:
    from textwrap import fill  # noqa: PLC0415 - only for help

    from upgrade_kit.cli.examples import FIRST_STEPS, shown  # noqa: PLC0415 - only for help

    for one in (parser, command):  # the formatter that leaves examples as they are would leave this on one line too
        if one is not None:
            one.description = fill(one.description or "", _HELP_WIDTH)
    if command is not None and name is not None:
        command.epilog = shown(name)
        command.formatter_class = RawDescriptionHelpFormatter
    else:
        parser.epilog = f"{FIRST_STEPS}\n\n{_EPILOG.replace('; 3 could', ';{}3 could').format(chr(10))}"
        parser.formatter_class = RawDescriptionHelpFormatter


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."
