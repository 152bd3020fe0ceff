"""Which names a function binds for itself (Python's own rule: any binding makes a name local)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Scoped = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def bound_names(node: Scoped) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that are local to a function, and those it declares ``global``."""
    arguments = node.args
    bound = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    bound.update(a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None)
    declared_global: set[str] = set()
    declared_outer: set[str] = set()
    if not isinstance(node, ast.Lambda):
        for child in own_nodes(node.body):
            if type(child) in _BINDING:
                bound.update(_binds(child))
            elif isinstance(child, ast.Global):
                declared_global.update(child.names)
            elif isinstance(child, ast.Nonlocal):
                declared_outer.update(child.names)
    return frozenset(bound - declared_global - declared_outer), frozenset(declared_global)


def stored_names(tree: ast.Module) -> dict[str, int]:
    """Return the names that a procedure binds for itself at its outermost level, with the line of the first time.

    A name that an import binds to the module of that very name is none of its own.
    """
    stored: dict[str, int] = {}
    for node in own_nodes(tree.body):
        if type(node) not in _BINDING or (isinstance(node, ast.alias) and node.asname in {None, node.name}):
            continue
        for name in _binds(node):
            stored.setdefault(name, getattr(node, "lineno", 2))
    return stored


_BINDING = frozenset({ast.Name, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.alias})


def _binds(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.alias(name=name, asname=alias):
            yield alias or name.split(".")[0]
        case _:
            return


def own_nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Go through the nodes of a scope, not into functions, classes and comprehensions inside it."""
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        if type(node) not in _SCOPES:
            waiting.extend(children(node))
            continue
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                waiting.extend((*node.decorator_list, *node.args.defaults))
            case ast.Lambda():
                waiting.extend(node.args.defaults)
            case ast.ClassDef():
                waiting.extend((*node.decorator_list, *node.bases))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                waiting.append(node.generators[0].iter)
            case _:
                continue


_SCOPES = frozenset(
    {
        *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef),
        *(ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp),
    }
)


def walk(node: ast.AST) -> list[ast.AST]:
    """Return a node and all below it, in no order that counts; without operators and contexts."""
    found = [node]
    for each in found:
        found.extend(children(each))
    return found


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes right below a node, without operators and contexts; several times as fast as ast's own."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(field for field in kind._fields if (kind, field) not in _PLAIN)
    found: list[ast.AST] = []
    if not fields:
        return found
    for field in fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            found += [each for each in value if isinstance(each, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


_PLAIN = {(ast.Name, "id"), (ast.Constant, "value"), (ast.Constant, "kind"), (ast.Attribute, "attr")}
_PLAIN |= {(kind, "ctx") for kind in (ast.Name, ast.Attribute, ast.Subscript, ast.List, ast.Tuple, ast.Starred)}
_PLAIN |= {(ast.BinOp, "op"), (ast.UnaryOp, "op"), (ast.BoolOp, "op"), (ast.AugAssign, "op"), (ast.Compare, "ops")}
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}  # found out once for each kind of node
