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
            bound.update(_binds(child))
            if isinstance(child, ast.Global):
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
        if isinstance(node, ast.alias) and node.asname in {None, node.name}:
            continue
        for name in _binds(node):
            stored.setdefault(name, getattr(node, "lineno", 2))
    return stored


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
                waiting.extend(ast.iter_child_nodes(node))
