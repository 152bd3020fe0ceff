"""What each statement of a procedure does to the names, and in which order."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from upgrade_kit.rewriting import objects, order
from upgrade_kit.rewriting.expressions import assign, evaluate, evaluate_condition, go_through, narrow
from upgrade_kit.rewriting.frames import Frame
from upgrade_kit.rewriting.imports import CATCHES_IMPORT, run_import, run_import_from
from upgrade_kit.rewriting.machine import Definition, Machine, State, Ways, is_named
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.scopes import bound_names, walk
from upgrade_kit.rewriting.values import (
    NONE,
    NOTHING,
    OTHER,
    Decorated,
    Function,
    Instance,
    Lazy,
    LazyKind,
    Row,
    Stream,
    Thing,
    Unbound,
    Value,
    one,
)

MOST_ROUNDS = 12


def run_block(machine: Machine, body: Sequence[ast.stmt]) -> None:
    """Run statements in order, until one of them leaves the block on every way."""
    for statement in body:
        if machine.dead:
            return
        machine.step()
        _RUN.get(type(statement), _run_unknown)(machine, statement)
        if machine.stopped:  # a name that is gone, with a handler around it that catches just that
            machine.stopped = False
            machine.dead = True
        if machine.raises and not machine.dead:
            machine.may_raise()


def define(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Value:
    """Return the value of a function; its defaults are evaluated where it is written."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    plain = positional[len(positional) - len(arguments.defaults) :]
    pairs = [*zip(plain, arguments.defaults, strict=True)]
    pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    defaults = tuple((argument.arg, evaluate(machine, default)) for argument, default in pairs)
    key = (id(node), id(machine.frame))
    if key not in machine.numbers:
        machine.numbers[key] = len(machine.definitions)
        machine.definitions.append(Definition(node, machine.frame, defaults))
    else:
        number = machine.numbers[key]
        merged = {name: value for name, value in machine.definitions[number].defaults}  # noqa: C416 - a copy to change
        for name, value in defaults:
            merged[name] = merged.get(name, NOTHING) | value
        machine.definitions[number] = Definition(node, machine.frame, tuple(merged.items()))
    return one(Function(machine.numbers[key]))


def call_function(
    machine: Machine,
    number: int,
    positional: Sequence[Value],
    named: dict[str, Value],
    *,
    rest: Value = NOTHING,
) -> Value:
    """Run a function of the procedure with these arguments and return what it gives.

    Args:
        machine: the analysis.
        number: which function.
        positional: its arguments by place.
        named: its arguments by name.
        rest: what may arrive at any parameter (``*args``, or a caller that is not known).
    """
    definition = machine.definitions[number]
    machine.called.add(number)
    if machine.calls.count(number) > 1:
        if any(machine.from_file(value) for value in (*positional, *named.values(), rest)):
            return machine.unknown(definition.node, "a function calls itself with the file or its content")
        return OTHER
    node = definition.node
    if number not in machine.own_names:
        machine.own_names[number] = bound_names(node)
    local, outer = machine.own_names[number]
    frame = Frame(definition.frame, local, outer)
    _bind_arguments(machine, definition, frame, positional, named, rest)
    machine.calls.append(number)
    dead, machine.dead = machine.dead, False
    ways = Ways()
    loops, machine.loops = machine.loops, []
    with machine.scope(frame):
        if isinstance(node, ast.Lambda):
            ways.value = evaluate(machine, node.body)
        else:
            machine.returns.append(ways)
            run_block(machine, node.body)
            machine.returns.pop()
            if not machine.dead:
                ways.states.append(machine.save())
                ways.value |= NONE
            machine.join(ways.states)
    machine.loops = loops
    machine.calls.pop()
    machine.dead = machine.dead or dead
    if not isinstance(node, ast.Lambda) and _is_generator(machine, number, node):
        return machine.items(node, machine.heap.get(-id(node), NOTHING))
    return ways.value


def _bind_arguments(
    machine: Machine,
    definition: Definition,
    frame: Frame,
    positional: Sequence[Value],
    named: dict[str, Value],
    rest: Value,
) -> None:
    arguments = definition.node.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    defaults = dict(definition.defaults)
    for index, name in enumerate(names):
        given = positional[index] if index < len(positional) else named.get(name, NOTHING)
        frame.store(name, (given or defaults.get(name, NOTHING)) | rest)
        machine.tell(definition.node, name, given)
    for argument in arguments.kwonlyargs:
        frame.store(argument.arg, (named.get(argument.arg) or defaults.get(argument.arg, NOTHING)) | rest)
    if arguments.vararg is not None:
        extra = frozenset().union(rest, *positional[len(names) :])
        frame.store(arguments.vararg.arg, machine.items(arguments.vararg, extra))
    if arguments.kwarg is not None:
        known = {*names, *(argument.arg for argument in arguments.kwonlyargs)}
        extra = frozenset().union(rest, *(value for name, value in named.items() if name not in known))
        passed = machine.items(arguments.kwarg, extra)
        frame.store(arguments.kwarg.arg, order.made(machine, passed, order.Kind.DICTIONARY))


def _is_generator(machine: Machine, number: int, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    if number not in machine.generators:
        machine.generators[number] = any(isinstance(child, ast.Yield | ast.YieldFrom) for child in walk(node))
    return machine.generators[number]


# -- one function a statement ----------------------------------------------------------------------------


def _run_unknown(machine: Machine, statement: ast.stmt) -> None:
    machine.unknown(statement, f"a statement that Python 3.6 does not have ({type(statement).__name__})")


def _run_expression(machine: Machine, statement: ast.Expr) -> None:
    for atom in evaluate(machine, statement.value):
        if isinstance(atom, Lazy) and atom.kind is LazyKind.ONCE:
            machine.seen.breaks_at(
                statement, "map as a statement does nothing on Python 3", "for x in ...: f(x)", "UK424"
            )


def _run_assign(machine: Machine, statement: ast.Assign) -> None:
    value = evaluate(machine, statement.value)
    for target in statement.targets:
        assign(machine, target, value)


def _run_annotated(machine: Machine, statement: ast.AnnAssign) -> None:
    if statement.value is not None:
        assign(machine, statement.target, evaluate(machine, statement.value))


def _run_augmented(machine: Machine, statement: ast.AugAssign) -> None:
    if statement not in machine.unfolded:
        # made once: what a container holds is kept by the identity of the node that made it
        binary = ast.BinOp(_as_load(statement.target), statement.op, statement.value)
        machine.unfolded[statement] = ast.copy_location(binary, statement)
    load = machine.unfolded[statement].left
    value = evaluate(machine, machine.unfolded[statement])
    if isinstance(statement.target, ast.Name):
        # `rows += more` also changes the list that other names hold
        value |= frozenset(atom for atom in evaluate(machine, load) if atom in value)
    assign(machine, statement.target, value)


def _as_load(target: ast.expr) -> ast.expr:
    match target:
        case ast.Name(id=name):
            return ast.copy_location(ast.Name(name, ast.Load()), target)
        case ast.Attribute(value=value, attr=attr):
            return ast.copy_location(ast.Attribute(value, attr, ast.Load()), target)
        case ast.Subscript(value=value, slice=index):
            return ast.copy_location(ast.Subscript(value, index, ast.Load()), target)
        case _:
            return target


def _run_if(machine: Machine, statement: ast.If) -> None:
    truth = evaluate_condition(machine, statement.test)
    before = machine.save()
    ends: list[State] = []
    for body, reached in ((statement.body, truth is not False), (statement.orelse, truth is not True)):
        if not reached:
            continue
        machine.restore(before)
        machine.dead = not narrow(machine, statement.test, truth=body is statement.body)
        machine.order.branches += truth is None
        run_block(machine, body)
        machine.order.branches -= truth is None
        if not machine.dead:
            ends.append(machine.save())
    machine.join(ends)


def _run_loop(
    machine: Machine,
    enter: Callable[[], None],
    body: Sequence[ast.stmt],
    orelse: Sequence[ast.stmt],
    *,
    endless: bool,
) -> None:
    breaks, continues = Ways(), Ways()
    starts = [machine.save()]
    for _ in range(MOST_ROUNDS):
        before, changes = machine.save(), machine.heap_changes
        enter()
        machine.loops.append((breaks, continues))
        machine.loop_depth += 1
        run_block(machine, body)
        machine.loop_depth -= 1
        machine.loops.pop()
        if not machine.dead:
            starts.append(machine.save())
        machine.join([*starts, *continues.states])
        if machine.same(machine.save(), before) and machine.heap_changes == changes:
            break
    else:
        machine.unknown(body[0], "a loop that the kit cannot follow to its end")
    if endless:
        machine.dead = True
    else:
        run_block(machine, orelse)
    ends = [] if machine.dead else [machine.save()]
    machine.join([*ends, *breaks.states])


def _run_for(machine: Machine, statement: ast.For) -> None:
    iterated = evaluate(machine, statement.iter)

    if any(isinstance(atom, Lazy) and atom.kind is LazyKind.VIEW for atom in iterated) and _takes_out(statement):
        machine.seen.breaks_at(
            statement,
            "a dictionary may not lose or get keys while it is gone through on Python 3",
            "for key in list(dictionary):",
            "UK424",
        )

    def enter() -> None:
        element = go_through(machine, iterated, statement.iter)
        assign(machine, statement.target, element)

    by_chance = order.any_by_chance(machine, iterated) or order.may_be_keys(iterated, statement.target, statement.body)
    if by_chance:
        machine.order.loops.append((machine.loop_depth + 1, len(machine.calls)))
    _run_loop(machine, enter, statement.body, statement.orelse, endless=False)
    if by_chance:
        machine.order.loops.pop()
        order.look_at_loop(machine, statement)


def _takes_out(statement: ast.For) -> bool:
    """Return whether the body changes which keys the dictionary has that ``d.keys()`` goes through."""
    match statement.iter:
        case ast.Call(func=ast.Attribute(value=owner)):
            name = ast.dump(owner)
        case _:
            return False
    for node in ast.walk(ast.Module(statement.body, [])):
        match node:
            case ast.Subscript(value=changed, ctx=ast.Del()):
                if ast.dump(changed) == name:
                    return True
            case ast.Subscript(value=changed, slice=key, ctx=ast.Store()):
                same_key = isinstance(key, ast.Name) and key.id in ast.dump(statement.target)
                if ast.dump(changed) == name and not same_key:
                    return True
            case ast.Call(func=ast.Attribute(value=changed, attr="pop" | "update" | "setdefault" | "clear")):
                if ast.dump(changed) == name:
                    return True
            case _:
                continue
    return False


def _run_while(machine: Machine, statement: ast.While) -> None:
    def enter() -> None:
        evaluate_condition(machine, statement.test)
        narrow(machine, statement.test, truth=True)

    endless = isinstance(statement.test, ast.Constant) and bool(statement.test.value)
    _run_loop(machine, enter, statement.body, statement.orelse, endless=endless)


def _run_break(machine: Machine, _: ast.Break) -> None:
    if machine.loops:
        machine.loops[-1][0].states.append(machine.save())
    machine.dead = True


def _run_continue(machine: Machine, _: ast.Continue) -> None:
    if machine.loops:
        machine.loops[-1][1].states.append(machine.save())
    machine.dead = True


def _run_return(machine: Machine, statement: ast.Return) -> None:
    value = NONE if statement.value is None else evaluate(machine, statement.value)
    if machine.returns:
        machine.returns[-1].value |= value
        machine.returns[-1].states.append(machine.save())
    machine.dead = True


def _run_raise(machine: Machine, statement: ast.Raise) -> None:
    for part in (statement.exc, statement.cause):
        if part is not None:
            evaluate(machine, part)
    machine.may_raise()
    machine.dead = True


def _run_with(machine: Machine, statement: ast.With) -> None:
    for item in statement.items:
        value = evaluate(machine, item.context_expr)
        if any(isinstance(atom, Row) for atom in value):
            value = machine.unknown(item.context_expr, "with ... of a tuple")
        if item.optional_vars is not None:
            entered = NOTHING
            for atom in value:
                entered |= objects.entered(machine, atom) if isinstance(atom, Instance) else one(atom)
            assign(machine, item.optional_vars, entered)
        for atom in value:
            if isinstance(atom, Stream):
                machine.want(Want.ANY, atom, item.context_expr, "with closes the file", "UK404")
    run_block(machine, statement.body)


NAME_ERRORS = frozenset({"NameError"})


def _handled(handlers: Sequence[ast.ExceptHandler]) -> frozenset[str]:
    names: set[str] = set()
    for handler in handlers:
        if handler.type is None:
            names.add("*")
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        names.update(kind.id for kind in kinds if isinstance(kind, ast.Name))
    return frozenset(names)


def _run_try(machine: Machine, statement: ast.Try) -> None:
    """Run a try statement; a handler for what cannot happen on the new version is not reached there."""
    _one_error_on_python3(machine, statement)
    start = machine.save()
    raised = Ways(states=[start])
    machine.raises.append(raised)
    machine.excused.append(_handled(statement.handlers))
    outer_use, machine.excuses_used = machine.excuses_used, set()
    run_block(machine, statement.body)
    used, machine.excuses_used = machine.excuses_used, outer_use
    machine.excused.pop()
    machine.raises.pop()
    if not machine.dead:
        run_block(machine, statement.orelse)
    ends = [] if machine.dead else [machine.save()]
    caught: State | None = None  # a try may have many handlers, and each statement in it may be what raises
    for handler in statement.handlers:
        if _never_reached(statement, handler, used):
            continue
        if caught is None:
            caught = machine.join(raised.states)
        machine.restore(caught)
        machine.dead = False
        if handler.type is not None:
            evaluate(machine, handler.type)
        if handler.name is not None:
            machine.bind(handler.name, one(Thing("exception")))
        run_block(machine, handler.body)
        if handler.name is not None and not machine.dead:
            machine.bind(handler.name, one(Unbound()))
        if not machine.dead:
            ends.append(machine.save())
    dead_before_finally = not ends
    machine.join(ends or raised.states)
    run_block(machine, statement.finalbody)
    machine.dead = machine.dead or dead_before_finally


FILE_ERRORS = frozenset({"IOError", "OSError"})  # one and the same on Python 3
ANY_ERROR = FILE_ERRORS | {"EnvironmentError", "Exception", "StandardError", "*"}


def _one_error_on_python3(machine: Machine, statement: ast.Try) -> None:
    """Note a handler that takes on Python 3 what a later one took on Python 2: IOError is OSError there."""
    handled = [_handled([handler]) for handler in statement.handlers]
    for number, names in enumerate(handled):
        later = frozenset[str]().union(*handled[number + 1 :])
        if len(names & FILE_ERRORS) == 1 and not names & {"EnvironmentError"} and later & ANY_ERROR:
            machine.seen.breaks_at(
                statement.handlers[number],
                "IOError and OSError are one on Python 3, so that the first of these handlers takes both",
                "one handler: except EnvironmentError",
                "UK424",
            )
            return


def _never_reached(statement: ast.Try, handler: ast.ExceptHandler, used: set[str]) -> bool:
    caught = _handled([handler])
    if not caught:
        return False
    if caught <= NAME_ERRORS:
        return not used & NAME_ERRORS
    if caught <= CATCHES_IMPORT and all(isinstance(s, ast.Import | ast.ImportFrom) for s in statement.body):
        return not used & CATCHES_IMPORT
    return False


def _run_function(machine: Machine, statement: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    value = define(machine, statement)
    decorators = [evaluate(machine, decorator) for decorator in statement.decorator_list]
    if len(decorators) == 1 and (wrapper := is_named(decorators[0])) in objects.WRAPPERS and machine.frame.is_class:
        value = frozenset(Decorated(wrapper or "", atom.number) for atom in value if isinstance(atom, Function))
    elif decorators:
        value |= OTHER
    machine.bind(statement.name, value)


def _run_class(machine: Machine, statement: ast.ClassDef) -> None:
    bases = [evaluate(machine, base) for base in statement.bases]
    number = machine.class_numbers.get(id(statement))
    frame = Frame(machine.frame, None, is_class=True) if number is None else machine.classes[number].frame
    with machine.scope(frame):
        run_block(machine, statement.body)
    machine.bind(statement.name, objects.defined(machine, statement, frame, bases))


def _run_delete(machine: Machine, statement: ast.Delete) -> None:
    for target in statement.targets:
        if isinstance(target, ast.Name):
            machine.bind(target.id, NOTHING)


def _run_assert(machine: Machine, statement: ast.Assert) -> None:
    evaluate_condition(machine, statement.test)
    if statement.msg is not None:
        evaluate(machine, statement.msg)


def _run_nothing(_: Machine, __: ast.stmt) -> None:
    return


_RUN: dict[type[ast.stmt], Callable[[Machine, Any], None]] = {  # each takes the type that is its key
    ast.Expr: _run_expression,
    ast.Assign: _run_assign,
    ast.AnnAssign: _run_annotated,
    ast.AugAssign: _run_augmented,
    ast.If: _run_if,
    ast.For: _run_for,
    ast.While: _run_while,
    ast.Break: _run_break,
    ast.Continue: _run_continue,
    ast.Return: _run_return,
    ast.Raise: _run_raise,
    ast.With: _run_with,
    ast.Try: _run_try,
    ast.FunctionDef: _run_function,
    ast.ClassDef: _run_class,
    ast.Delete: _run_delete,
    ast.Assert: _run_assert,
    ast.Import: run_import,
    ast.ImportFrom: run_import_from,
    ast.Global: _run_nothing,
    ast.Nonlocal: _run_nothing,
    ast.Pass: _run_nothing,
}
