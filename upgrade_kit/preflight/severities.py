"""Which severities a check can answer with, read from what its code calls, so that nobody has to write it down."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from upgrade_kit.model.finding import Severity
from upgrade_kit.preflight.check import Check, error, info, warning

_MAKERS: dict[object, Severity] = {error: Severity.ERROR, warning: Severity.WARNING, info: Severity.INFO}


def severities(check: Check[Any]) -> tuple[Severity, ...]:
    """Return the severities of the findings that a check can make, worst first.

    It follows the functions that the check's own function names, in its module and in those that it imports them
    from, to ``error``, ``warning`` and ``info``. Of a function that makes its findings in another way it knows nothing.
    """
    found: set[Severity] = set()
    seen: set[object] = set()
    waiting: list[object] = [check.function]
    while waiting:
        function = waiting.pop()
        if not isinstance(function, FunctionType) or function in seen:
            continue
        seen.add(function)
        for name in _globals_of(function.__code__):
            value = function.__globals__.get(name)
            if isinstance(value, FunctionType) and value in _MAKERS:
                found.add(_MAKERS[value])
            else:
                waiting.append(value)
    return tuple(severity for severity in reversed(Severity) if severity in found)


def _globals_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)
