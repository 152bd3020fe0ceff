"""Works out expressions of a settings file that consist of data, and says of every other why it cannot."""

from __future__ import annotations

import ast
import itertools
import operator
import os
import re
import string
import sys
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path

from upgrade_kit.deployment.static_values import (
    Binding,
    Dotted,
    Function,
    Names,
    SiteModule,
    Value,
    containers,
    is_known,
    join,
    truth,
)
from upgrade_kit.model.unobserved import Unobserved

SIZE_LIMIT = 1_000_000
STEP_LIMIT = 200_000
_DIGITS_LIMIT_BITS = 10_000
_CONDITION_LENGTH = 70
_FAILURES = (TypeError, ValueError, LookupError, AttributeError, OverflowError)

_BUILTINS: Mapping[str, Callable[..., Value]] = {
    "all": all, "any": any, "bool": bool, "dict": dict, "int": int, "len": len, "list": list,
    "max": max, "min": min, "str": str, "tuple": tuple,
}  # fmt: skip
_PATHS: Mapping[str, Callable[..., Value]] = {
    "os.path.basename": os.path.basename,
    "os.path.dirname": os.path.dirname,
    "os.path.isabs": os.path.isabs,
    "os.path.join": os.path.join,
    "os.path.normpath": os.path.normpath,
    "os.path.split": os.path.split,
    "os.path.splitext": os.path.splitext,
}
# A relative path starts at the folder where the application runs: the one that holds manage.py.
_PATHS_ON_DISK: Mapping[str, Callable[..., Value]] = {
    "os.path.abspath": os.path.normpath,
    "os.path.exists": os.path.exists,
    "os.path.isdir": os.path.isdir,
    "os.path.isfile": os.path.isfile,
    "os.path.realpath": os.path.realpath,
}
# The settings as the migration sees them: no test run, no web server.
_CONSTANTS: Mapping[str, Value] = {
    "os.curdir": os.curdir,
    "os.name": os.name,
    "os.pardir": os.pardir,
    "os.path.sep": os.sep,
    "os.sep": os.sep,
    "sys.argv": ["manage.py", "migrate"],
    "sys.platform": sys.platform,
}
_FOLLOWED = frozenset((*_BUILTINS, *_PATHS, *_PATHS_ON_DISK, "os.getenv", "os.environ.get", "print"))
_TEXT_METHODS = frozenset(
    (
        "endswith",
        "join",
        "lower",
        "lstrip",
        "replace",
        "rsplit",
        "rstrip",
        "split",
        "startswith",
        "strip",
        "upper",
    )
)
_READING_METHODS: Mapping[type, frozenset[str]] = {
    dict: frozenset(("copy", "get")),
    list: frozenset(("copy", "count", "index")),
    tuple: frozenset(("count", "index")),
    str: _TEXT_METHODS,
}
_CHANGING_METHODS: Mapping[type, frozenset[str]] = {
    dict: frozenset(("clear", "pop", "setdefault", "update")),
    list: frozenset(("append", "extend", "insert", "pop", "remove", "reverse")),
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, container: item in container,
    ast.NotIn: lambda item, container: item not in container,
}


def condition_text(node: ast.expr) -> str:
    """Return a condition as one short line."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _CONDITION_LENGTH else f"{text[: _CONDITION_LENGTH - 3]}..."


class Evaluator:
    """Evaluates expressions over a file's names.

    Args:
        names: the file's names, which assignments change.
        root: the folder that holds ``manage.py``.
        place: gives ``file:line`` of a node.

    Attributes:
        doubts: how often something was met that cannot be known, and so could have failed.
    """

    def __init__(self, names: Names, root: Path, place: Callable[[ast.AST], str]) -> None:
        self.names = names
        self.doubts = 0
        self._exposed: list[Value] = []
        self._steps = 0
        self._root = root
        self._place = place

    def value(self, node: ast.expr) -> Value:
        """Return the value, or ``Unobserved`` with the reason."""
        found = self.reference(node)
        if isinstance(found, Dotted):
            return self.unknown(f"comes from {found.name}, which is not part of the site's files", node)
        return found

    def reference(self, node: ast.expr) -> Value:
        """Return the value, or the ``Dotted`` name of what comes from outside the site."""
        found = self._evaluate(node)
        if isinstance(found, Dotted) and found.name in _CONSTANTS:
            return copy(_CONSTANTS[found.name])
        return found

    def decide(self, node: ast.expr) -> bool | None:
        """Return whether a condition holds, or ``None`` where that cannot be known."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            decided = self.decide(node.operand)
            return None if decided is None else not decided
        if not isinstance(node, ast.BoolOp):
            return truth(self.value(node))
        # One false part makes an "and" false, whatever the parts that cannot be known.
        settles = isinstance(node.op, ast.Or)
        answer: bool | None = not settles
        for part in node.values:
            decided = self.decide(part)
            if decided is settles:
                return settles
            if decided is None:
                answer = None
        return answer

    def unknown(self, why: str, node: ast.AST) -> Unobserved:
        """Return an ``Unobserved`` that names the place."""
        self.doubts += 1
        return Unobserved(f"{why} ({self._place(node)})")

    def follows(self, call: ast.Call, *, certain: bool) -> bool:
        """Return whether a call changes nothing, or only what is worked out with it.

        Args:
            call: the call.
            certain: whether it is made once and in any case: it is the whole of what a statement works out.
        """
        if isinstance(call.func, ast.Attribute):
            if any(isinstance(node, ast.Call) for node in ast.walk(call.func.value)):
                return False  # working it out again would repeat what that call changes
            owner = self._evaluate(call.func.value)
            if call.func.attr in _CHANGING_METHODS.get(type(owner), ()):
                return certain
            if call.func.attr in _READING_METHODS.get(type(owner), ()):
                return True
            called = self._member(owner, call.func)
        else:
            called = self._evaluate(call.func)
        return isinstance(called, Dotted) and called.name in _FOLLOWED

    def spoil(self, target: ast.expr, reason: Unobserved) -> None:
        """Make what an expression stands for unknown, from now on, by whatever name it goes."""
        changed = self.reference(target)
        self._spoil_place(target, reason)
        self.forget(changed, reason, target)

    def forget(self, changed: Value, reason: Unobserved, node: ast.AST) -> None:
        """Make every name unknown through which a list or dict in a value can be reached."""
        reached = containers(changed)
        grows = True
        while grows:
            grows = False
            for name, bound in list(self.names.items()):
                inside = containers(bound.value)
                if reached & inside:
                    self.names[name] = Binding(reason, self._place(node))
                    reached |= inside
                    grows = True

    def expose(self, value: Value) -> None:
        """Remember that something unknown may stand for a list or dict in a value."""
        if containers(value):
            self._exposed.append(value)

    def change(self, owner: Value, node: ast.AST) -> None:
        """Note that a list or dict is about to change in place: so may what something unknown stands for."""
        hidden = isinstance(owner, Unobserved) or containers(owner) & containers(self._exposed)
        if hidden and self._exposed:
            exposed, self._exposed = self._exposed, []
            self.forget(exposed, self.unknown("may be changed through a value that cannot be known", node), node)

    def _spoil_place(self, target: ast.expr, reason: Unobserved) -> None:
        match target:
            case ast.Name():
                self.names[target.id] = Binding(reason, self._place(target))
            case ast.Subscript():
                owner, key = self.value(target.value), self.value(target.slice)
                fits = isinstance(owner, dict) or (isinstance(owner, list) and isinstance(key, int))
                if fits and is_known(key) and key in (owner if isinstance(owner, dict) else range(len(owner))):
                    owner[key] = reason
                else:
                    self._spoil_place(target.value, reason)
            case ast.Attribute() | ast.Starred():
                self._spoil_place(target.value, reason)
            case _:
                pass

    def _evaluate(self, node: ast.expr) -> Value:
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is None:
            return self.unknown(f"computed by what is not plain data ({type(node).__name__})", node)
        self._steps += 1
        if self._steps > STEP_LIMIT:
            return self.unknown("too long to be worked out", node)
        try:
            return handler(node)
        except _FAILURES as error:
            return self.unknown(f"computing it fails with {type(error).__name__}", node)

    # What is data already

    def _constant(self, node: ast.Constant) -> Value:
        return node.value

    def _name(self, node: ast.Name) -> Value:
        bound = self.names.get(node.id)
        if bound is not None:
            return bound.value
        if node.id in _BUILTINS or node.id == "print":
            return Dotted(node.id)
        return self.unknown(f"uses {node.id}, which is not set in the files that were read", node)

    def _items(self, nodes: list[ast.expr]) -> list[Value] | Unobserved:
        items: list[Value] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                inner = self.value(node.value)
                if isinstance(inner, Unobserved):
                    return inner
                items.extend(inner)
            else:
                items.append(self.value(node))
        return items

    def _list(self, node: ast.List) -> Value:
        return self._items(node.elts)

    def _tuple(self, node: ast.Tuple) -> Value:
        items = self._items(node.elts)
        return items if isinstance(items, Unobserved) else tuple(items)

    def _set(self, node: ast.Set) -> Value:
        items = self._items(node.elts)
        if isinstance(items, Unobserved) or not is_known(items):
            return self.unknown("a set with parts that cannot be known", node)
        return frozenset(items)

    def _dict(self, node: ast.Dict) -> Value:
        made: dict[Value, Value] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            value = self.value(value_node)
            if key_node is None:
                if not isinstance(value, dict):
                    return self.unknown("a dict that takes in another one that cannot be known", node)
                made.update(value)
                continue
            key = self.value(key_node)
            if not is_known(key):
                return self.unknown("a dict with a key that cannot be known", node)
            made[key] = value
        return made

    # What is put together from data

    def _attribute(self, node: ast.Attribute) -> Value:
        return self._member(self._evaluate(node.value), node)

    def _member(self, owner: Value, node: ast.Attribute) -> Value:
        if isinstance(owner, Dotted):
            return Dotted(f"{owner.name}.{node.attr}")
        if isinstance(owner, SiteModule):
            bound = owner.names.get(node.attr)
            return bound.value if bound else self.unknown(f"{node.attr} is not set in that file", node)
        if isinstance(owner, Unobserved):
            return owner
        return self.unknown(f"uses the attribute {node.attr} of a value", node)

    def _subscript(self, node: ast.Subscript) -> Value:
        owner = self._evaluate(node.value)
        if isinstance(owner, Dotted):
            if owner.name == "os.environ":
                return self._environment(node.slice, node)
            owner = self.value(node.value)
        if isinstance(owner, Unobserved):
            return owner
        if isinstance(node.slice, ast.Slice):
            bounds = [None if part is None else self.value(part) for part in _bounds(node.slice)]
            key: Value = slice(*bounds) if is_known(bounds) else self.unknown("a part with unknown bounds", node)
        else:
            key = self.value(node.slice)
        return key if isinstance(key, Unobserved) else owner[key]

    def _environment(self, key: ast.expr, node: ast.expr) -> Unobserved:
        name = self.value(key)
        which = name if isinstance(name, str) else "one"
        return self.unknown(f"taken from the environment variable {which} of the process that runs the site", node)

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        return self.combine(node.op, left, right, node)

    def augment(self, node: ast.AugAssign) -> Value:
        """Return what ``target += value`` leaves in the target; a list grows in place."""
        left, right = self.value(node.target), self.value(node.value)
        if isinstance(left, list | Unobserved):
            self.change(left, node)
        try:
            if isinstance(left, list) and isinstance(right, list | tuple) and isinstance(node.op, ast.Add):
                if len(left) + len(right) <= SIZE_LIMIT and id(left) not in containers(list(right)):
                    left.extend(right)
                    return left
                result: Value = self.unknown("too long to be worked out", node)
            else:
                result = self.combine(node.op, left, right, node)
        except _FAILURES as error:
            result = self.unknown(f"computing it fails with {type(error).__name__}", node)
        if isinstance(result, Unobserved):
            self.forget(left, result, node)
        return result

    def combine(self, operation: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """Return ``left + right`` and the like; only ``+``, ``-`` and ``%`` are known."""
        for side in (left, right):
            if isinstance(side, Unobserved):
                return side
        match operation:
            case ast.Add() if isinstance(left, str | bytes | list | tuple | int | float):
                result = left + right
            case ast.Sub() if isinstance(left, int | float):
                result = left - right
            case ast.Mult() if isinstance(left, int | float) and isinstance(right, int | float):
                result = left * right
            case ast.Mod() if isinstance(left, str) and is_known(right) and _is_plain_template(left):
                result = left % right
            case _:
                return self.unknown(f"computed with {type(operation).__name__}, which is not worked out", node)
        return self._limited(result, node)

    def _limited(self, value: Value, node: ast.AST) -> Value:
        too_long = isinstance(value, str | bytes | list | tuple) and len(value) > SIZE_LIMIT
        too_big = isinstance(value, int) and value.bit_length() > _DIGITS_LIMIT_BITS
        return self.unknown("too long to be worked out", node) if too_long or too_big else value

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        operand = self.value(node.operand)
        if isinstance(operand, Unobserved):
            return operand
        match node.op:
            case ast.Not():
                return not operand
            case ast.USub():
                return -operand
            case ast.UAdd():
                return +operand
            case _:
                return ~operand

    def _boolop(self, node: ast.BoolOp) -> Value:
        found: Value = None
        for part in node.values:
            found = self.value(part)
            if truth(found) in (None, isinstance(node.op, ast.Or)):
                break
        return found

    def _compare(self, node: ast.Compare) -> Value:
        left = self.value(node.left)
        for operation, right_node in zip(node.ops, node.comparators, strict=True):
            right = Dotted("os.environ") if self._is_environment(right_node) else self.value(right_node)
            answer = self._compared(operation, left, right, node)
            if isinstance(answer, Unobserved) or not answer:
                return answer
            left = right
        return True

    def _is_environment(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute | ast.Name) and self._evaluate(node) == Dotted("os.environ")

    def _compared(self, operation: ast.cmpop, left: Value, right: Value, node: ast.expr) -> Value:
        if right == Dotted("os.environ"):
            return self.unknown("asks the environment of the process that runs the site", node)
        if isinstance(operation, ast.In | ast.NotIn) and isinstance(right, dict) and is_known(left):
            known = left not in right or not isinstance(right[left], Unobserved)
        else:
            known = is_known(left) and is_known(right)
        if known:
            return _COMPARISONS[type(operation)](left, right)
        return _first_unknown([left, right]) or self.unknown("compared with what cannot be known", node)

    def _ifexp(self, node: ast.IfExp) -> Value:
        decided = self.decide(node.test)
        if decided is not None:
            return self.value(node.body if decided else node.orelse)
        condition = f"{condition_text(node.test)} ({self._place(node)})"
        return join(self.value(node.body), self.value(node.orelse), condition)

    def _joinedstr(self, node: ast.JoinedStr) -> Value:
        parts: list[str] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                if part.format_spec is not None or part.conversion != -1:
                    return self.unknown("computed with a format", node)
                value = self.value(part.value)
                if isinstance(value, Unobserved):
                    return value
                if not isinstance(value, str | int):
                    return self.unknown("computed with a format", node)
                parts.append(str(value))
            else:
                parts.append(str(self.value(part)))
        return self._limited("".join(parts), node)

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp) -> Value:
        loop = node.generators[0]
        items = self.value(loop.iter)
        if len(node.generators) > 1 or not isinstance(loop.target, ast.Name) or not is_known(items):
            return self.unknown("computed by a loop", node)
        hidden = self.names.get(loop.target.id)
        made: list[Value] = []
        settled = True
        for item in items:
            self.names[loop.target.id] = Binding(item, "")
            wanted = [self.decide(test) for test in loop.ifs]
            settled = settled and None not in wanted
            if all(wanted):
                made.append(self.value(node.elt))
        self.names.pop(loop.target.id, None)
        if hidden is not None:
            self.names[loop.target.id] = hidden
        return made if settled else self.unknown("computed by a loop", node)

    _generatorexp = _listcomp

    # Calls

    def _call(self, node: ast.Call) -> Value:
        if isinstance(node.func, ast.Attribute):
            owner = self._evaluate(node.func.value)
            if isinstance(owner, dict | list | tuple | str):
                return self._method(owner, node.func.attr, node)
            called = self._member(owner, node.func)
        else:
            called = self._evaluate(node.func)
        if isinstance(called, Unobserved):
            return called
        if not isinstance(called, Dotted):
            name = called.name if isinstance(called, Function) else "something"
            return self.unknown(f"computed by {name}()", node)
        if called.name in ("os.environ.get", "os.getenv") and node.args:
            return self._environment(node.args[0], node)
        return self._known_function(called.name, node)

    def _known_function(self, name: str, node: ast.Call) -> Value:
        arguments = self._items([*node.args])
        keywords = {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        function = _PATHS.get(name) or _PATHS_ON_DISK.get(name) or _BUILTINS.get(name)
        if function is None:
            return self.unknown(f"computed by {name}()", node)
        if isinstance(arguments, Unobserved):
            return arguments
        doubtful = _first_unknown(arguments)
        if doubtful is not None:
            return doubtful
        if name == "dict" and "None" not in keywords:
            return dict(*arguments, **keywords)
        if not is_known(arguments) or keywords:
            return self.unknown(f"computed by {name}()", node)
        if name in _PATHS_ON_DISK:
            arguments = [os.path.join(self._root, *arguments)]  # noqa: PTH118 - what the site's own line does
        return function(*arguments)

    def _method(self, owner: Value, name: str, node: ast.Call) -> Value:
        arguments = self._items([*node.args])
        if isinstance(arguments, Unobserved):
            return arguments
        if owner.__class__ is str and name == "format":
            return self._format(owner, arguments, node)
        if name in _CHANGING_METHODS.get(type(owner), ()):
            return self._change(owner, name, arguments, node)
        if name not in _READING_METHODS[type(owner)] or node.keywords:
            return self.unknown(f"computed by the method {name}", node)
        if name != "get" and not is_known(arguments):
            return _first_unknown(arguments) or self.unknown(f"computed by the method {name}", node)
        if name == "replace" and len(owner) * len(arguments[1]) > SIZE_LIMIT:
            return self.unknown("too long to be worked out", node)
        return getattr(owner, name)(*arguments)

    def _change(self, owner: Value, name: str, arguments: list[Value], node: ast.Call) -> Value:
        self.change(owner, node)
        keywords = {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        grows = len(owner) + sum(len(item) for item in arguments if isinstance(item, list | tuple))
        doubtful = None if name in ("append", "setdefault") else _first_unknown(arguments)
        holds_itself = id(owner) in containers([*arguments, *keywords.values()])
        if doubtful or "None" in keywords or grows > SIZE_LIMIT or holds_itself:
            reason = self.unknown(f"changed by .{name}() with what cannot be known", node)
            if isinstance(node.func, ast.Attribute):
                self._spoil_place(node.func.value, reason)
            self.forget(owner, reason, node)
            return reason
        return getattr(owner, name)(*arguments, **keywords)

    def _format(self, template: str, arguments: list[Value], node: ast.Call) -> Value:
        given = {str(number): value for number, value in enumerate(arguments)}
        given |= {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        made: list[str] = []
        unnamed = itertools.count()
        for literal, field, spec, conversion in string.Formatter().parse(template):
            made.append(literal)
            if field is None:
                continue
            value = given.get(field or str(next(unnamed)))
            if isinstance(value, Unobserved):
                return value
            if spec or conversion or not isinstance(value, str | int):
                return self.unknown("computed with a format", node)
            made.append(str(value))
        return self._limited("".join(made), node)


def _bounds(part: ast.Slice) -> tuple[ast.expr | None, ast.expr | None, ast.expr | None]:
    return part.lower, part.upper, part.step


def _first_unknown(values: list[Value]) -> Unobserved | None:
    return next((value for value in values if isinstance(value, Unobserved)), None)


def _is_plain_template(text: str) -> bool:
    """Return whether ``%`` with this text makes no more than a few characters of padding."""
    return not re.search(r"%[^a-zA-Z%]*(?:\*|\d{4})", text)
