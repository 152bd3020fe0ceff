"""The library as its signatures and docstrings have it: public names, and the values that they give and take."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator
from enum import Enum
from types import SimpleNamespace
from typing import Any

import upgrade_kit
from documentation.made import table
from upgrade_kit.errors import UpgradeKitError

_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns):$")
_ENTRY = re.compile(r"^    (?P<name>\w+): (?P<text>.*)$")
_DEEPEST = {"Deployment"}  # its facts are told in the page on checks of one's own


def names() -> list[str]:
    """Return a section for each public name."""
    lines: list[str] = []
    for name in upgrade_kit.__all__:
        thing = getattr(upgrade_kit, name)
        if isinstance(thing, str):
            lines += [f"## {name}", "", f"The version of the kit, `{thing!r}`.", ""]
            continue
        lines += [f"## {name}", "", *_signature(name, thing), "", *_described(thing), ""]
        if inspect.isclass(thing):
            lines += _methods(thing)
    return lines


def values() -> list[str]:
    """Return a section for each value that a public function gives back, or that such a value holds."""
    lines: list[str] = []
    for kind in sorted(_reached(), key=lambda kind: (kind.__name__, kind.__module__)):
        lines += [f"### {kind.__name__}", "", f"`{kind.__module__}.{kind.__name__}`. {_summary(kind)}", ""]
        if issubclass(kind, Enum):
            lines += [", ".join(f"`{member.name}` = `{member.value!r}`" for member in kind), ""]
        else:
            told = dict(_entries(inspect.getdoc(kind) or "", "Attributes"))
            rows = [
                (f"`{field.name}`", f"`{field.type}`", told.get(field.name, "")) for field in dataclasses.fields(kind)
            ]
            lines += [*table(("field", "type", "holds"), rows), ""] if rows else []
    return lines


def errors() -> list[str]:
    """Return the tree of errors, as its module draws it."""
    drawn = inspect.getdoc(inspect.getmodule(UpgradeKitError)) or ""
    return ["```", *(line[4:] for line in drawn.splitlines() if line.startswith("    ")), "```"]


def _reached() -> set[type]:
    reached: set[type] = set()
    waiting = [hint for name in upgrade_kit.__all__ for hint in _returned(getattr(upgrade_kit, name))]
    while waiting:
        hint = waiting.pop()
        for kind in _classes(hint):
            if kind in reached:
                continue
            reached.add(kind)
            if dataclasses.is_dataclass(kind) and kind.__name__ not in _DEEPEST:
                waiting += typing.get_type_hints(kind).values()
    return reached


def _returned(thing: Any) -> Iterator[Any]:
    functions = [one for _, one in inspect.getmembers(thing, inspect.isfunction)] if inspect.isclass(thing) else [thing]
    for function in functions:
        if inspect.isfunction(function) and not function.__name__.startswith("_"):
            given = SimpleNamespace(__annotations__={"return": function.__annotations__["return"]})
            yield typing.get_type_hints(given, globalns=function.__globals__)["return"]


def _classes(hint: Any) -> Iterator[type]:
    for argument in typing.get_args(hint):
        yield from _classes(argument)
    is_ours = inspect.isclass(hint) and hint.__module__.startswith("upgrade_kit") and not typing.get_args(hint)
    if is_ours and (dataclasses.is_dataclass(hint) or issubclass(hint, Enum)):
        yield hint


def _methods(kind: type) -> Iterator[str]:
    for name, thing in vars(kind).items():
        if name.startswith("_"):
            continue
        function = thing.__func__ if isinstance(thing, classmethod) else thing
        if inspect.isfunction(function):
            yield from (f"### {kind.__name__}.{name}", "", *_signature(name, getattr(kind, name)), "")
            yield from (*_described(function), "")


def _signature(name: str, thing: Any) -> list[str]:
    signature = inspect.signature(thing)
    parts, starred = [], False
    for one in signature.parameters.values():
        if one.name == "self":
            continue
        if one.kind is one.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        default = one.default.name if isinstance(one.default, Enum) else repr(one.default)
        default = f"{type(one.default).__name__}.{default}" if isinstance(one.default, Enum) else default
        parts.append(f"{one.name}: {one.annotation}" + (f" = {default}" if one.default is not one.empty else ""))
    returns = "" if inspect.isclass(thing) else f" -> {signature.return_annotation}"
    line = f"{name}({', '.join(parts)}){returns}"
    folded = [line] if len(line) < 100 else [f"{name}(", *(f"    {part}," for part in parts), f"){returns}"]
    return ["```python", *folded, "```"]


def _summary(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def _described(thing: Any) -> list[str]:
    """Return a docstring as Markdown: prose as it is, its sections as lists."""
    text = (inspect.getdoc(thing) or "").replace("``", "`")
    prose = re.split(r"^(?:Args|Attributes|Raises|Returns):$", text, maxsplit=1, flags=re.MULTILINE)[0].strip()
    lines = [prose, ""]
    for section, heading in (("Args", "Arguments"), ("Raises", "Raises")):
        if found := list(_entries(text, section)):
            lines += [f"**{heading}**", "", *(f"- `{name}`: {told}" for name, told in found), ""]
    if returned := _body(text, "Returns"):
        lines += ["**Returns** " + " ".join(line.strip() for line in returned), ""]
    return lines


def _entries(docstring: str, section: str) -> Iterator[tuple[str, str]]:
    name, told = "", list[str]()
    for line in _body(docstring.replace("``", "`"), section):
        if entry := _ENTRY.match(line):
            if name:
                yield name, " ".join(told)
            name, told = entry["name"], [entry["text"]]
        elif line.strip():
            told.append(line.strip())
    if name:
        yield name, " ".join(told)


def _body(docstring: str, section: str) -> list[str]:
    lines, inside = [], False
    for line in docstring.splitlines():
        if heading := _SECTION.match(line):
            inside = heading[1] == section
        elif inside:
            lines.append(line)
    return lines
