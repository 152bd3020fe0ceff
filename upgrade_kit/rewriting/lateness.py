"""What map, filter, zip and the views of a dictionary give is worked out when it is used; on Python 2 it was at once.

That matters where the two moments differ: what they are made from changes in between, an error is caught in the one
place and not in the other, or the function that is called does more than give a value.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from upgrade_kit.rewriting.scopes import children, walk

AT_ONCE = frozenset(
    {"list", "tuple", "set", "frozenset", "sorted", "sum", "max", "min", "any", "all", "dict", "len", "reduce", "join"}
)
PASSES_ON = frozenset({"map", "filter", "zip", "enumerate", "iter"})
CHANGES = frozenset(
    {"append", "add", "extend", "insert", "remove", "discard", "pop", "popitem", "update", "setdefault", "clear"}
    | {"sort", "reverse", "write", "read", "readline", "readlines", "seek", "close", "next"}
)
LAZY = frozenset({"map", "filter", "zip"})
VIEWS = frozenset({"keys", "values", "items"})

Place = tuple[int, int]
Parents = Mapping[ast.AST, ast.AST]


def worked_out_later(nodes: Sequence[ast.AST]) -> Iterator[ast.Call]:
    """Yield each call whose result may be another one because Python 3 works it out later.

    Args:
        nodes: all nodes of a procedure, the module first.
    """
    calls = [node for node in nodes if isinstance(node, ast.Call) and _kind(node) is not None]
    if not calls:
        return
    parents = {child: node for node in nodes for child in children(node)}
    changes = tuple(_changes(nodes))
    functions = {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
    loads = [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    for call in calls:
        use = _Use.of(call, parents, loads)
        asked_elsewhere = use.loop is not None and _kind(call) in VIEWS  # statements looks at such loops
        if not use.at_once and not asked_elsewhere and _differs(use, changes, functions):
            yield call


@dataclass(frozen=True, slots=True)
class _Use:
    """Where the result of one call goes.

    Attributes:
        call: the call.
        at_once: it is used up in the same expression.
        names: the names that hold it; none where it goes somewhere else.
        loop: the loop over it, if it is gone through by one.
        around: the statements around the call, from the inside out, up to its function.
        loads: where its names are used.
    """

    call: ast.Call
    at_once: bool
    names: frozenset[str]
    loop: ast.For | None
    around: tuple[ast.AST, ...]
    loads: tuple[Place, ...]

    @classmethod
    def of(cls, call: ast.Call, parents: Parents, loads: Sequence[ast.Name]) -> _Use:
        node: ast.AST = call
        parent = parents.get(node)
        while isinstance(parent, ast.Call) and node in parent.args and _called(parent) in PASSES_ON:
            node, parent = parent, parents.get(parent)
        at_once = isinstance(parent, ast.Call) and node in parent.args and _called(parent) in AT_ONCE
        at_once |= isinstance(parent, ast.comprehension | ast.Compare | ast.Subscript | ast.Starred)
        targets = parent.targets if isinstance(parent, ast.Assign) else []
        names = frozenset(target.id for target in targets if isinstance(target, ast.Name))
        around: list[ast.AST] = []
        outer = parents.get(call)
        while outer is not None and not isinstance(outer, ast.FunctionDef | ast.Lambda | ast.Module):
            around.append(outer)
            outer = parents.get(outer)
        return cls(
            call,
            at_once,
            names if len(names) == len(targets) else frozenset(),
            parent if isinstance(parent, ast.For) and parent.iter is node else None,
            tuple(around),
            tuple(_place(load) for load in loads if load.id in names),
        )

    def leaves(self, block: Sequence[ast.stmt]) -> bool:
        """Return whether the result may be used outside a block of statements."""
        if self.loop is not None:
            return False
        first, last = _place(block[0]), _end(block[-1])
        return not self.names or any(not first <= load <= last for load in self.loads)

    def between(self) -> tuple[Place, Place]:
        """Return from where to where in the text something may happen before the result is used."""
        if self.loop is not None:
            return _place(self.loop.body[0]), _end(self.loop.body[-1])
        loops = [node for node in self.around if isinstance(node, ast.For | ast.While)]
        if loops and self.leaves(loops[-1].body):
            return _place(loops[-1]), (1 << 30, 0)
        return _end(self.call), max(self.loads, default=(1 << 30, 0)) if self.names else (1 << 30, 0)


def _differs(use: _Use, changes: Sequence[tuple[str, Place, bool]], functions: Mapping[str, ast.FunctionDef]) -> bool:
    call = use.call
    sources, free = _made_from(call, functions)
    if _kind(call) in {"map", "filter"} and _does_more(call.args[0] if call.args else None, functions):
        return True
    for outer in use.around:
        match outer:
            case ast.Try(body=body, handlers=[_, *_]) if _kind(call) not in VIEWS and _is_in(call, body):
                if use.leaves(body):
                    return True
            case ast.With(body=body) if _kind(call) not in VIEWS and _is_in(call, body):
                if use.leaves(body):
                    return True
            case _:
                continue
    first, last = use.between()
    inside = _place(call), _end(call)
    return any(
        first <= place <= last
        and not inside[0] <= place <= inside[1]
        and ((name in sources and is_change) or name in free)
        for name, place, is_change in changes
    )


def _made_from(call: ast.Call, functions: Mapping[str, ast.FunctionDef]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of what is gone through, and those that the function looks up each time that it is called."""
    kind = _kind(call)
    if kind in VIEWS and isinstance(call.func, ast.Attribute):
        return _names(call.func.value), frozenset()
    values = call.args[1:] if kind in {"map", "filter"} else call.args
    sources = frozenset(value.id for value in values if isinstance(value, ast.Name))
    function: ast.AST | None = call.args[0] if kind != "zip" and call.args else None
    if isinstance(function, ast.Name):
        function = functions.get(function.id)
    if not isinstance(function, ast.Lambda | ast.FunctionDef):
        return sources, frozenset()
    own = {argument.arg for argument in walk(function.args) if isinstance(argument, ast.arg)}
    own |= {node.id for node in walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return sources, _names(function) - own


def _does_more(function: ast.expr | None, functions: Mapping[str, ast.FunctionDef]) -> bool:
    """Return whether calling a function changes something, as far as its text tells."""
    body: ast.AST | None = function
    if isinstance(function, ast.Attribute):
        return function.attr in CHANGES
    if isinstance(function, ast.Name):
        body = functions.get(function.id)
    if body is None:
        return False
    for node in walk(body):
        match node:
            case ast.Global() | ast.Nonlocal() | ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                return True
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in CHANGES:
                return True
            case _:
                continue
    return False


def _changes(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, Place, bool]]:
    """Yield each place where a name is stored, or what it holds is changed (then true)."""
    for node in nodes:
        match node:
            case ast.AugAssign(target=ast.Name(id=name)):
                yield name, _place(node), True
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name, _place(node), False
            case ast.Subscript(value=owner, ctx=ast.Store() | ast.Del()):
                yield from ((name, _place(node), True) for name in _names(owner))
            case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in CHANGES:
                yield from ((name, _place(node), True) for name in _names(owner))
            case _:
                continue


def _kind(call: ast.Call) -> str | None:
    match call.func:
        case ast.Name(id=name) if name in LAZY:
            return name
        case ast.Attribute(attr=name) if name in VIEWS and not call.args:
            return name
        case _:
            return None


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _names(node: ast.AST) -> frozenset[str]:
    return frozenset(each.id for each in walk(node) if isinstance(each, ast.Name))


def _place(node: ast.expr | ast.stmt) -> Place:
    return node.lineno, node.col_offset


def _end(node: ast.expr | ast.stmt) -> Place:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _is_in(call: ast.Call, body: Sequence[ast.stmt]) -> bool:
    return _place(body[0]) <= _place(call) <= _end(body[-1])
