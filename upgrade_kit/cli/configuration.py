"""What is not typed: environment variables and ``upgrade-kit.toml``.

What is typed comes first, then ``UPGRADE_KIT_<OPTION>``, then the file's table of the command, then its table
``[defaults]``, then the kit's own default. What writes, and what is a secret, is never taken from a file.
"""

from __future__ import annotations

import os
import re
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from upgrade_kit.cli.main import COMMANDS
from upgrade_kit.cli.parser import command_parser
from upgrade_kit.cli.streams import without_passwords
from upgrade_kit.errors import UsageError
from upgrade_kit.model.nearest import did_you_mean, nearest

FILE_NAME = "upgrade-kit.toml"
PREFIX = "UPGRADE_KIT_"
FILE_VARIABLE = "UPGRADE_KIT_CONFIG"
DEFAULTS = "defaults"
# Variables of the kit that stand for no option; those of its tests begin with UPGRADE_KIT_TEST_.
OTHER_VARIABLES = frozenset(
    {
        FILE_VARIABLE,
        "UPGRADE_KIT_PASSWORD",
        "UPGRADE_KIT_STATE_DIR",
        "UPGRADE_KIT_SQLSERVER_URL",
        "UPGRADE_KIT_QATRACK_REPOSITORY",
        "UPGRADE_KIT_UPGRADE",
    }
)
# What a person has to type each time: it writes, it takes a safeguard away, or it is a question of its own.
TYPED_EACH_TIME = frozenset(
    {
        *("apply", "undo", "replace", "early", "yes", "rollback", "no-backup", "from-step", "until", "uploads-to"),
        *("approved", "include", "explain", "list", "help", "config", "ask-password", "dry-run", "schema"),
    }
)
_PASSWORD_IN_QUERY = re.compile(r"[?&;](password|pwd)=", re.IGNORECASE)
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value that was not typed.

    Attributes:
        option: the long option, without its dashes.
        dest: its name among the arguments.
        value: what typing it would have given.
        source: where it comes from, for a person.
    """

    option: str
    dest: str
    value: object
    source: str


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """What ``upgrade-kit.toml`` holds: a table for each command, and one for all.

    Attributes:
        path: the file; ``None`` where there is none.
        tables: by name.
    """

    path: Path | None
    tables: Mapping[str, Mapping[str, object]]


def find_file(named: str | None, environment: Mapping[str, str]) -> ConfigurationFile:
    """Read the file that ``--config`` or ``UPGRADE_KIT_CONFIG`` names, else the one in the current folder.

    An empty ``UPGRADE_KIT_CONFIG`` means that no file is read.

    Raises:
        UsageError: it is not there, cannot be read, or is no TOML.
    """
    told = named if named is not None else environment.get(FILE_VARIABLE)
    if told is None and os.path.isfile(FILE_NAME):  # noqa: PTH113 - each command asks this; pathlib takes longer
        told = FILE_NAME
    return _read(Path(told)) if told else ConfigurationFile(None, {})


def _read(path: Path) -> ConfigurationFile:
    import tomllib  # noqa: PLC0415 - only where there is a file

    try:
        tables = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"{path}: the configuration cannot be read ({error.strerror})", hint="Name the file with --config."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: this is not UTF-8", hint="Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path}: {error}", hint=r"A Windows path stands in single quotes: 'C:\deploy\qatrackplus'."
        ) from error
    for name, table in tables.items():
        _check_table(path, name, table)
    return ConfigurationFile(path, tables)


def _check_table(path: Path, name: str, table: object) -> None:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {name}: this stands in no table", hint=f"Put [{DEFAULTS}] or [preflight] before it.")
    if name not in (names := (DEFAULTS, *COMMANDS)):
        raise UsageError(
            f"{path}: [{name}]: no command of this name",
            hint=did_you_mean(name, names) or f"Tables are {', '.join(names)}.",
        )


def settings_for(
    name: str, parser: ArgumentParser, file: ConfigurationFile, environment: Mapping[str, str]
) -> tuple[Setting, ...]:
    """Return what the environment and the file say for one command.

    Raises:
        UsageError: a name is no option, a value is none that the option takes, or it may only be typed.
    """
    actions = options_of(parser)
    found: dict[str, Setting] = {}
    for table in (DEFAULTS, name):
        for key, value in file.tables.get(table, {}).items():
            where = f"{file.path} [{table}]"
            _refuse(key, f"{where} {key}", "file")
            if key in actions:
                _refuse_password(value, f"{where} {key}")
                found[key] = _setting(key, actions[key], value, where, f"{where} {key}")
            else:
                _know(key, f"{where} {key}", actions if table == name else None)
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES or variable.startswith(f"{PREFIX}TEST_"):
            continue
        key = variable.removeprefix(PREFIX).lower().replace("_", "-")
        _refuse(key, variable, "environment")
        if key in actions:
            found[key] = _setting(key, actions[key], _from_text(actions[key], text, variable), variable, variable)
        else:
            _know(key, variable, None, variable=True)
    return tuple(found.values())


def options_of(parser: ArgumentParser) -> dict[str, Action]:
    """Return the options of a command that have a long name, by that name."""
    return {
        option.removeprefix("--"): action
        for action in parser._actions  # noqa: SLF001 - argparse tells them no other way
        for option in action.option_strings
        if option.startswith("--")
    }


def hold_back(parser: ArgumentParser, settings: Collection[Setting]) -> None:
    """Let the parser leave open what is not typed and is set elsewhere."""
    actions = options_of(parser)
    for setting in settings:
        actions[setting.option].default = None


def fill_in(arguments: Namespace, settings: Collection[Setting]) -> None:
    """Give the arguments what was set elsewhere and is not typed; ``arguments.untyped`` names these."""
    open_ones = [setting for setting in settings if getattr(arguments, setting.dest) is None]
    for setting in open_ones:
        setattr(arguments, setting.dest, setting.value)
    arguments.untyped = {setting.dest: setting.source for setting in open_ones}


def told(arguments: Namespace, settings: Collection[Setting]) -> Iterator[str]:
    """Give a line for each value that was not typed, for who asks with ``-v``."""
    for setting in settings:
        if setting.dest in arguments.untyped:
            yield f"--{setting.option}: {without_passwords(str(setting.value))}  (from {setting.source})"


def _refuse(key: str, where: str, place: str) -> None:
    if key in {"password", "passwd", "pwd"}:
        raise UsageError(
            f"{where}: a password does not belong into a {place}",
            hint="Set UPGRADE_KIT_PASSWORD in the environment, or type --ask-password.",
        )
    if key in TYPED_EACH_TIME:
        raise UsageError(f"{where}: --{key} is typed each time, and never configured", hint="Take it out.")


def _refuse_password(value: object, where: str) -> None:
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str) and (without_passwords(text) != text or _PASSWORD_IN_QUERY.search(text)):
            raise UsageError(
                f"{where}: this URL holds a password, which a file must not",
                hint="Leave it out of the URL and set UPGRADE_KIT_PASSWORD in the environment, or type --ask-password.",
            )


def _know(key: str, where: str, actions: Collection[str] | None, *, variable: bool = False) -> None:
    """Let pass what another command takes; what none takes is an error."""
    known = (
        set(actions) if actions is not None else {key for name in COMMANDS for key in options_of(command_parser(name))}
    )
    known -= TYPED_EACH_TIME
    if key in known:
        return
    meant = nearest(key, known, most=2)
    if variable:
        meant = tuple(PREFIX + name.upper().replace("-", "_") for name in meant)
    raise UsageError(
        f"{where}: no option of this name",
        hint=f"Did you mean {' or '.join(meant)}?" if meant else "upgrade-kit COMMAND --help shows the options.",
    )


def _from_text(action: Action, text: str, where: str) -> object:
    """Return what a variable's text stands for: a list is separated as PATH is."""
    if _is_flag(action):
        if text.lower() not in _YES | _NO:
            raise UsageError(f"{where}={text}: yes or no is wanted", hint="Set it to 1 or to 0.")
        return text.lower() in _YES
    if _is_count(action):
        return int(text) if text.isdecimal() else text
    return [word for word in text.split(os.pathsep) if word] if isinstance(action.default, list) else text


def _setting(option: str, action: Action, value: object, source: str, where: str) -> Setting:
    return Setting(option=option, dest=action.dest, value=_converted(action, value, where), source=source)


def _converted(action: Action, value: object, where: str) -> object:
    if _is_flag(action):
        return _of_kind(bool, "true or false", value, where)
    if _is_count(action):
        return _of_kind(int, "a whole number", value, where)
    if isinstance(action.default, list):
        return [_one(action, item, where) for item in (value if isinstance(value, list) else [value])]
    return _one(action, value, where)


def _one(action: Action, value: object, where: str) -> object:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"{where}: a text or a number is wanted", hint="")
    text = str(value)
    if action.choices is not None and text not in action.choices:
        choices = [str(choice) for choice in action.choices]
        raise UsageError(
            f"{where}: {text!r} is none of {', '.join(choices)}",
            hint=did_you_mean(text, choices) or "Take one of them.",
        )
    if not callable(action.type):
        return text
    try:
        return action.type(text)
    except (ArgumentTypeError, TypeError, ValueError) as error:
        raise UsageError(f"{where}: --{action.dest.replace('_', '-')} does not take {text!r}", hint="") from error


def _of_kind(kind: type, words: str, value: object, where: str) -> object:
    if type(value) is not kind:
        raise UsageError(f"{where}: {words} is wanted, not {value!r}", hint="")
    return value


def _is_flag(action: Action) -> bool:
    return action.nargs == 0 and action.const is True


def _is_count(action: Action) -> bool:
    return action.nargs == 0 and action.const is None


def kind_of(action: Action) -> dict[str, object]:
    """Return, as JSON Schema, what a file may hold for an option."""
    if _is_flag(action):
        return {"type": "boolean"}
    if _is_count(action):
        return {"type": "integer"}
    one: dict[str, object] = {"type": ["string", "number"]}
    if action.choices is not None:
        one = {"enum": [str(choice) for choice in action.choices]}
    return {"anyOf": [one, {"type": "array", "items": one}]} if isinstance(action.default, list) else one


def configurable(name: str) -> Iterator[str]:
    """Give the options of a command that may stand in a file."""
    return (option for option in options_of(command_parser(name)) if option not in TYPED_EACH_TIME)
