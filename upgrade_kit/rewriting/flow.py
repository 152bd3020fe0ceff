"""Follow the uploaded file through a procedure, from the first line to the result."""

from __future__ import annotations

import ast

from upgrade_kit.rewriting import operations, order
from upgrade_kit.rewriting.fractions import fractions_as_places
from upgrade_kit.rewriting.holding import holding
from upgrade_kit.rewriting.lateness import worked_out_later
from upgrade_kit.rewriting.machine import Machine, TooComplexError
from upgrade_kit.rewriting.observations import Observations, Want
from upgrade_kit.rewriting.readers import Rules
from upgrade_kit.rewriting.scopes import walk
from upgrade_kit.rewriting.statements import call_function, run_block
from upgrade_kit.rewriting.values import (
    LIBRARY,
    NOTHING,
    Atom,
    BinStream,
    Context,
    Data,
    Flavour,
    Items,
    Lazy,
    Leaked,
    Literal,
    NumpyWhole,
    Position,
    Row,
    Shape,
    Stream,
    Thing,
    one,
)

STEPS_A_NODE = 60  # loops are gone through until nothing changes; a person's procedure needs under ten
STEPS_AT_LEAST = 20_000
LONGEST_HINT = 60  # characters of the procedure's own text


def observe(
    tree: ast.Module, rules: Rules, *, slug: str, supplied: frozenset[str] | None = None, tell: bool = False
) -> Observations:
    """Return what a procedure demands of the file and what else it uses that is gone.

    Args:
        tree: the executed text's tree.
        rules: the procedure rules.
        slug: the test's macro name: with ``result`` the only name whose value leaves the procedure.
        supplied: macro names of other tests whose values the procedure is given; ``None`` for an upload test, which
            is given the uploaded file instead.
        tell: keep in words what each name comes to hold of the file.
    """
    nodes = walk(tree)
    machine = Machine(rules, budget=max(STEPS_AT_LEAST, STEPS_A_NODE * len(nodes)), supplied=supplied)
    machine.order.loads = order.count_loads(nodes)
    machine.order.loads.update({"result", slug})
    machine.held = {} if tell else None
    try:
        run_block(machine, tree.body)
        _run_uncalled(machine)
        _look_at_result(machine, tree, slug)
        for call in worked_out_later(nodes):
            operations.not_a_list(machine, call, "it is worked out later, when something else may hold")
        for place in fractions_as_places(nodes):
            _fraction(machine, place)
    except TooComplexError:
        machine.seen.want(Want.REVIEW, tree.body[0], "too many ways lead through this procedure", "UK490")
    except RecursionError:
        machine.seen.want(Want.REVIEW, tree.body[0], "it is nested too deeply to be followed", "UK490")
    machine.seen.hides = frozenset(
        name
        for name in rules.new_names & machine.module.names.keys()
        if machine.module.names[name] != one(Context(name))
    )
    for key, value in (machine.held or {}).items():
        words = holding(machine, value)
        if words:
            machine.seen.steps[key] = words
    return machine.seen


def _fraction(machine: Machine, place: ast.expr) -> None:
    match place:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            whole: ast.expr = ast.BinOp(left, ast.FloorDiv(), right)
        case _:
            whole = ast.Call(ast.Name("int", ast.Load()), [place], [])
    words = ast.unparse(whole)
    machine.seen.notes_at(
        place,
        "a place in an array, or its size, was divided: numpy before 1.12 cut the fraction off, numpy 1.15 stops",
        words if len(words) <= LONGEST_HINT else "int(...) around it",
        "UK431",
    )


def _run_uncalled(machine: Machine) -> None:
    """Run the functions that nothing was seen to call, with arguments that nobody knows."""
    number = 0
    while number < len(machine.definitions):
        if number not in machine.called:
            machine.dead = False
            value = call_function(machine, number, (), {}, rest=LIBRARY)
            if machine.from_file(value):
                machine.unknown(machine.definitions[number].node, "a function gives the file to a caller not seen here")
        number += 1


def _look_at_result(machine: Machine, tree: ast.Module, slug: str) -> None:
    node = tree.body[-1]
    for name in dict.fromkeys(("result", slug)):
        value = machine.module.names.get(name, NOTHING)
        if value == one(Leaked()) and "result" in machine.module.names and name != "result":
            continue  # the test takes what result holds
        for atom in sorted(value, key=repr):
            _leaves(machine, atom, node, name, set())


def _leaves(machine: Machine, atom: Atom, node: ast.AST, name: str, visited: set[int]) -> None:
    match atom:
        case Data(flavour, shape):
            machine.want(Want.TEXT, atom, node, f"{name} is text of the file, and bytes cannot be stored", "UK407")
            if flavour is Flavour.BYTES:
                machine.unknown(node, f"{name} may be bytes, which cannot be stored")
            elif shape is not Shape.TOKEN:
                machine.unknown(node, f"{name} is text with its line end, and FILE turns line ends into one kind")
        case Literal(_, raw=True):
            machine.unknown(node, f"{name} may be bytes, which cannot be stored")
        case Position():
            machine.unknown(node, f"{name} is a place in the text, which is another one where line ends differ")
        case Thing() if atom in operations.WRITTEN_DIFFERENTLY:
            operations.written_differently(machine, node, atom, f"{name} is stored")
        case Thing("person name" | "DICOM values" as kind):
            machine.unknown(node, f"{name} is a {kind}, which is another type in pydicom 1.1 and cannot be stored")
        case Stream() | BinStream() | Context():
            if name not in {"FILE", "BIN_FILE"}:
                machine.unknown(node, f"{name} is the file itself")
        case NumpyWhole():
            machine.seen.breaks_at(
                node,
                f"{name} is a whole number of numpy, which Python 2 could store and Python 3 cannot",
                f"int(...) around it: {name} = int({name})",
                "UK432",
            )
        case Leaked():
            operations.leaked(machine, node, name)
        case Lazy():
            operations.not_a_list(machine, node, f"{name} is stored")
        case Items(site) if site not in visited:
            visited.add(site)
            if order.kind_of(machine, atom) is order.Kind.LIST:
                order.needs_order(machine, frozenset({atom}), node, f"{name} is a list in the order of chance")
            for element in machine.elements(atom) | machine.keys.get(site, NOTHING):
                _leaves(machine, element, node, name, visited)
        case Row():
            for element in machine.elements(atom):
                _leaves(machine, element, node, name, visited)
        case _:
            return
