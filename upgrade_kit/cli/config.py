"""``upgrade-kit config``: what is set outside the command line, and where."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence

from upgrade_kit.cli.configuration import (
    DEFAULTS,
    FILE_NAME,
    PREFIX,
    ConfigurationFile,
    Setting,
    configurable,
    find_file,
    kind_of,
    options_of,
    settings_for,
)
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.main import COMMANDS
from upgrade_kit.cli.options import add_output_arguments
from upgrade_kit.cli.parser import command_parser
from upgrade_kit.cli.streams import Streams, without_passwords
from upgrade_kit.report.document import to_json
from upgrade_kit.report.terminal import visible

_HEADS = ("command", "option", "value", "from")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``config``."""
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the file, for an editor")
    add_output_arguments(parser)


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Check the file and the environment for every command, and show what they set.

    Raises:
        UsageError: something in them is wrong.
    """
    if arguments.schema:
        streams.emit(to_json(configuration_schema()), arguments)
        return Exit.DONE
    file = find_file(arguments.config, streams.environment)
    set_for = {name: settings_for(name, command_parser(name), file, streams.environment) for name in COMMANDS}
    if arguments.format == "json":
        streams.emit(to_json(_document(file, set_for)), arguments)
    else:
        streams.emit(_text(file, set_for), arguments)
    return Exit.DONE


def configuration_schema() -> dict[str, object]:
    """Return the JSON schema of ``upgrade-kit.toml``."""
    tables = {name: _options(name) for name in COMMANDS}
    shared = {option: kind for options in tables.values() for option, kind in options.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "upgrade-kit.toml: what is not typed after upgrade-kit",
        "type": "object",
        "properties": {
            name: {"type": "object", "additionalProperties": False, "properties": options}
            for name, options in {DEFAULTS: shared, **tables}.items()
        },
        "additionalProperties": False,
    }


def _options(name: str) -> dict[str, object]:
    actions = options_of(command_parser(name))
    return {option: kind_of(actions[option]) for option in sorted(configurable(name))}


def _document(file: ConfigurationFile, set_for: Mapping[str, Sequence[Setting]]) -> dict[str, object]:
    return {
        "schema": 1,
        "command": "config",
        "file": None if file.path is None else str(file.path),
        "settings": [
            {"command": name, "option": one.option, "value": _shown(one.value), "from": one.source}
            for name, settings in set_for.items()
            for one in settings
        ],
    }


def _text(file: ConfigurationFile, set_for: Mapping[str, Sequence[Setting]]) -> str:
    rows = [
        (name, f"--{one.option}", _in_words(one.value), one.source)
        for name, settings in set_for.items()
        for one in settings
    ]
    told = f"File  {file.path or f'none ({FILE_NAME} in the current folder, or --config FILE)'}\n"
    if not rows:
        return f"{told}Nothing is set there, nor in {PREFIX}... variables.\n"
    widths = [max(len(row[place]) for row in (_HEADS, *rows)) for place in range(len(_HEADS) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in (_HEADS, *rows)
    ]
    return f"{told}\n" + "\n".join(lines) + "\n"


def _in_words(value: object) -> str:
    return visible(", ".join(map(str, shown)) if isinstance(shown := _shown(value), list) else str(shown))


def _shown(value: object) -> object:
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return without_passwords(value) if isinstance(value, str) else value
