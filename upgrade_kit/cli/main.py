"""Read the command line, run one command, turn errors into one line and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress

from upgrade_kit.cli.exit import Exit

TYPE_CHECKING = False  # `--version` starts without typing too; see upgrade_kit/__init__.py
if TYPE_CHECKING:
    from upgrade_kit.cli.streams import Streams

COMMANDS = {
    "path": "show the hops and steps from the site's version to the target",
    "plan": "show every step of this site's upgrade with its own paths; or write it as a script, for you to run",
    "preflight": "check everything that an upgrade needs, then say GO or NO_GO",
    "backup": "make a backup and prove it; also: backup verify, backup restore, backup list",
    "rewrite-calcs": "show (and with --apply write) what calculation procedures must become for 0.3.0",
    "upgrade": "carry the plan out step by step, stop at the first error, go on from there, or take it all back",
    "verify": "look at an upgraded site: does it answer, is everything still there, do the procedures compile",
    "rewrite-settings": "show (and with --apply write) what local_settings.py must become for 0.3.0",
    "explain": "tell what is behind the id of a check or of a procedure rule",
    "demo": "build a sample 0.2.9.1 site in a temporary folder and walk it through all of the above",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        argv: the arguments after the program's name; ``None`` for the process's own.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        from upgrade_kit import __version__  # noqa: PLC0415 - the answer that must not wait for a parser

        if sys.stdout is not None:  # as it is in a Windows service
            sys.stdout.write(f"upgrade-kit {__version__}\n")
        return Exit.DONE
    return _dispatch(arguments)


def _dispatch(argv: list[str]) -> int:
    # Imported here: `--version` must start without what it does not use.
    from argparse import HelpFormatter  # noqa: PLC0415
    from functools import partial  # noqa: PLC0415
    from importlib import import_module  # noqa: PLC0415

    from upgrade_kit.cli.options import Parser  # noqa: PLC0415
    from upgrade_kit.cli.streams import Streams, refuse_to_replace  # noqa: PLC0415
    from upgrade_kit.errors import UpgradeKitError, UsageError  # noqa: PLC0415

    # argparse makes a formatter for each argument that is added, and one that is not told its width
    # imports shutil to ask the terminal. The terminal is asked when help is printed.
    unasked = partial(HelpFormatter, width=80)
    parser = Parser(
        prog="upgrade-kit",
        description="Makes the upgrade of QATrack+ safe. Nothing of the site is written "
        "unless --apply, --undo or restore is typed.",
        epilog="Exit status: 0 go or done; 1 findings, NO_GO, or changes to apply; 2 usage; "
        "3 could not finish; 130 interrupted.",
        allow_abbrev=False,
        formatter_class=unasked,
    )
    parser.add_argument("-V", "--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
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
        command.formatter_class = HelpFormatter
    parser.formatter_class = HelpFormatter
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has printed what it had to say
        return stop.code if isinstance(stop.code, int) else Exit.USAGE
    if arguments.version:
        return main(["--version"])
    if module is None:
        parser.print_help(sys.stderr)
        return Exit.USAGE

    streams = Streams()
    try:
        if getattr(arguments, "output", None) is not None:
            refuse_to_replace(arguments.output)  # before anything is written, not after
        with redirect_stdout(streams.err):  # what others' checks print is no part of an answer
            return int(module.run(arguments, streams))
    except UpgradeKitError as error:
        _tell(streams, f"upgrade-kit: {_with_stop(error.message)} {error.hint}")
        return Exit.USAGE if isinstance(error, UsageError) else Exit.FAILED
    except KeyboardInterrupt as interrupt:
        _tell(streams, f"upgrade-kit: interrupted; {str(interrupt) or 'what was not told as done was not done'}")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _leave_the_pipe()
        return Exit.DONE if getattr(arguments, "apply", False) else Exit.FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else "standard output: "
        _tell(streams, f"upgrade-kit: {where}{error.strerror or error}. What was not told as done was not shown whole.")
        return Exit.FAILED


def _with_stop(message: str) -> str:
    text = message.rstrip()
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def _tell(streams: Streams, line: str) -> None:
    from upgrade_kit.cli.streams import without_passwords  # noqa: PLC0415 - as above

    err = streams.err
    encoding = err.encoding or "utf-8"
    text = without_passwords(" ".join(line.split()))
    err.write(text.encode(encoding, errors="backslashreplace").decode(encoding) + "\n")


def _leave_the_pipe() -> None:
    """Let nothing more be written to a reader that has gone; Python would complain of it at its end."""
    import os  # noqa: PLC0415 - as above

    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run() -> None:
    """Run the command line of this process (the console script's entry point)."""
    try:
        status = main()
    except KeyboardInterrupt:  # while the command was still being loaded
        status = Exit.INTERRUPTED
    except Exception:  # noqa: BLE001 - a bug shows its traceback, and its status is no answer
        sys.excepthook(*sys.exc_info())
        status = Exit.FAILED
    sys.exit(status)
