"""Read the command line, run one command, turn errors into one line and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress

from upgrade_kit.cli.exit import Exit

TYPE_CHECKING = False  # `--version` starts without typing too; see upgrade_kit/__init__.py
if TYPE_CHECKING:
    from argparse import Namespace

    from upgrade_kit.cli.parser import CommandLine
    from upgrade_kit.cli.streams import Streams

COMMANDS = {
    "path": "show the hops and steps from the site's version to the target",
    "plan": "show every step of this site's upgrade with its own paths; or write it as a script, for you to run",
    "preflight": "check everything that an upgrade needs, then say GO or NO_GO",
    "backup": "make a backup and prove it; also: backup verify, backup restore, backup list",
    "rewrite-calcs": "show (and with --apply write) what calculation procedures must become for 0.3.0",
    "report": "write one page with all of it: to read, decide on each procedure, print and sign",
    "upgrade": "carry the plan out step by step, stop at the first error, go on from there, or take it all back",
    "verify": "look at an upgraded site: does it answer, is everything still there, do the procedures compile",
    "rewrite-settings": "show (and with --apply write) what local_settings.py must become for 0.3.0",
    "explain": "tell what is behind the id of a check or of a procedure rule",
    "demo": "build a sample 0.2.9.1 site in a temporary folder and walk it through all of the above",
    "config": "show what upgrade-kit.toml and the environment set, and where each value comes from",
    "completion": "print a script that lets a shell complete commands and options",
}


def main(argv: Sequence[str] | None = None, *, configured: bool = True) -> int:
    """Run one command and return its exit status.

    Args:
        argv: the arguments after the program's name; ``None`` for the process's own.
        configured: whether ``upgrade-kit.toml`` and the environment may say what is not typed.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        from upgrade_kit import __version__  # noqa: PLC0415 - the answer that must not wait for a parser

        return _shown(f"upgrade-kit {__version__}\n")
    return _dispatch(arguments, configured=configured)


def _dispatch(argv: list[str], *, configured: bool) -> int:
    # Imported here: `--version` must start without what it does not use.
    from upgrade_kit.cli.parser import make_parser  # noqa: PLC0415
    from upgrade_kit.cli.streams import Streams, reader_has_gone, refuse_to_replace  # noqa: PLC0415
    from upgrade_kit.errors import UpgradeKitError, UsageError  # noqa: PLC0415

    line = make_parser(argv)
    streams = Streams()
    try:
        arguments = _arguments(line, argv, streams, configured=configured)
    except SystemExit as stop:  # argparse has printed what it had to say
        return (stop.code or _shown("")) if isinstance(stop.code, int) else Exit.USAGE
    except UsageError as error:
        _tell(streams, f"upgrade-kit: {_with_stop(error.message)} {error.hint}")
        return Exit.USAGE
    if arguments.version:
        return main(["--version"])
    if line.module is None:
        line.parser.print_help(sys.stderr)
        return Exit.USAGE

    try:
        if getattr(arguments, "ask_password", False):
            streams.ask_password()
        if getattr(arguments, "output", None) is not None:
            refuse_to_replace(arguments.output)  # before anything is written, not after
        with redirect_stdout(streams.err):  # what others' checks print is no part of an answer
            return int(line.module.run(arguments, streams))
    except UpgradeKitError as error:
        _tell(streams, f"upgrade-kit: {_with_stop(error.message)} {error.hint}")
        return Exit.USAGE if isinstance(error, UsageError) else Exit.FAILED
    except KeyboardInterrupt as interrupt:
        _tell(
            streams,
            f"upgrade-kit: interrupted; {str(interrupt) or 'what was under way is done whole or not at all'}",
        )
        return Exit.INTERRUPTED
    except OSError as error:
        if reader_has_gone(error):
            _leave_the_pipe()
            return Exit.DONE if getattr(arguments, "apply", False) else Exit.FAILED
        where = f"{error.filename}: " if error.filename else "standard output: "
        _tell(streams, f"upgrade-kit: {where}{error.strerror or error}. What was not told as done was not shown whole.")
        return Exit.FAILED


def _shown(text: str) -> int:
    """Write to standard output, which may be full, or a reader that has gone, or nothing (in a Windows service)."""
    if sys.stdout is None:
        return Exit.DONE
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        from upgrade_kit.cli.streams import reader_has_gone  # noqa: PLC0415 - only where it is asked

        _leave_the_pipe()
        if reader_has_gone(error):
            return Exit.DONE
        if sys.stderr is not None:
            sys.stderr.write(f"upgrade-kit: standard output: {error.strerror or error}. It was not shown whole.\n")
        return Exit.FAILED
    return Exit.DONE


def _arguments(line: CommandLine, argv: list[str], streams: Streams, *, configured: bool) -> Namespace:
    """Parse the line, and take what is not typed from where else it is set.

    Raises:
        UsageError: what is set elsewhere is wrong.
        SystemExit: argparse has told what is wrong, or shown help.
    """
    helping = any(word in {"-h", "--help"} for word in argv)
    if line.command is None or not configured or helping or not _may_be_configured(argv, streams):
        return line.parser.parse_args(argv)
    from upgrade_kit.cli.configuration import (  # noqa: PLC0415 - only where something is set
        fill_in,
        find_file,
        hold_back,
        settings_for,
        told,
    )

    name = next(word for word in argv if not word.startswith("-"))
    named = _named_file(argv)
    settings = settings_for(name, line.command, find_file(named, streams.environment), streams.environment)
    hold_back(line.command, settings)
    arguments = line.parser.parse_args(argv)
    fill_in(arguments, settings)
    if getattr(arguments, "verbose", 0):
        for one in told(arguments, settings):
            _tell(streams, one)
    return arguments


def _may_be_configured(argv: list[str], streams: Streams) -> bool:
    """Tell, sooner than by reading it, whether anything is set outside the line."""
    return (
        os.path.isfile("upgrade-kit.toml")  # noqa: PTH113 - pathlib is not loaded yet
        or any(name.startswith("UPGRADE_KIT_") for name in streams.environment)
        or any(word.startswith("--config") for word in argv)
    )


def _named_file(argv: list[str]) -> str | None:
    """Return what stands after ``--config``: it has to be read before the rest of the line can be."""
    for place, word in enumerate(argv):
        if word == "--config":
            return argv[place + 1] if place + 1 < len(argv) else None  # without one, argparse will complain
        if word.startswith("--config="):
            return word.removeprefix("--config=")
    return None


def _with_stop(message: str) -> str:
    text = message.rstrip()
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _tell(streams: Streams, line: str) -> None:
    from upgrade_kit.cli.streams import without_passwords  # noqa: PLC0415 - as above

    err = streams.err
    encoding = err.encoding or "utf-8"
    text = without_passwords(" ".join(line.split()))
    err.write(text.encode(encoding, errors="backslashreplace").decode(encoding) + "\n")


def _leave_the_pipe() -> None:
    """Let nothing more be written to a reader that has gone; Python would complain of it at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop_as_by_ctrl_c() -> None:
    """Let a request to end, or a terminal that is closed, be what Ctrl-C is: what is half done is taken back."""
    import signal  # noqa: PLC0415 - as above

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows knows but one
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, signal.default_int_handler)


def run() -> None:
    """Run the command line of this process (the console script's entry point)."""
    try:
        _stop_as_by_ctrl_c()
        if "_ARGCOMPLETE" in os.environ:
            from upgrade_kit.cli.completion import complete  # noqa: PLC0415 - only where a shell asks

            complete()
        status = main()
    except KeyboardInterrupt:  # while the command was still being loaded
        status = Exit.INTERRUPTED
    except Exception:  # noqa: BLE001 - a bug shows its traceback, and its status is no answer
        sys.excepthook(*sys.exc_info())
        status = Exit.FAILED
    sys.exit(status)
