"""The state of the analysis: frames, what containers hold, and what was observed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from upgrade_kit.rewriting.observations import Observations, Want
from upgrade_kit.rewriting.readers import Rules
from upgrade_kit.rewriting.values import (
    NOTHING,
    OTHER,
    Atom,
    BinStream,
    Context,
    Data,
    Flavour,
    Items,
    Lazy,
    LazyKind,
    Method,
    Named,
    Row,
    Shape,
    Stream,
    Value,
    one,
)

LARGEST_VALUE = 24  # atoms in one value; beyond it the analysis says that it cannot follow


class TooComplexError(Exception):
    """The analysis would take too long; the answer is that a person must look."""


@dataclass(eq=False, slots=True)
class Frame:
    """The names of one scope.

    Attributes:
        parent: the scope in which this one was written; ``None`` for the procedure itself.
        bound: names that are local to this scope; ``None`` where every store is (module, class).
        outer: names declared ``global`` here.
        names: what each name may hold now.
        is_class: names of a class body are not seen from functions in it.
    """

    parent: Frame | None
    bound: frozenset[str] | None
    outer: frozenset[str] = frozenset()
    names: dict[str, Value] = field(default_factory=dict)
    is_class: bool = False


State = tuple[tuple[Frame, dict[str, Value]], ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or lambda of the procedure, with the scope in which it was written."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frame: Frame
    defaults: tuple[tuple[str, Value], ...]


@dataclass(eq=False, slots=True)
class Ways:
    """The states in which a block can be left, other than by its end."""

    states: list[State] = field(default_factory=list)
    value: Value = NOTHING


class Machine:
    """One analysis of one procedure."""

    def __init__(self, rules: Rules, *, budget: int) -> None:
        self.rules = rules
        self.seen = Observations()
        self.module = Frame(None, None)
        self.module.names["FILE"] = one(Context("FILE"))
        self.module.names["BIN_FILE"] = one(Context("BIN_FILE"))
        self.frame = self.module
        self.stack: list[Frame] = [self.module]
        self.heap: dict[int, Value] = {}
        self.keys: dict[int, Value] = {}
        self.heap_changes = 0
        self.definitions: list[Definition] = []
        self.numbers: dict[tuple[int, int], int] = {}
        self.called: set[int] = set()
        self.calls: list[int] = []
        self.dead = False
        self.loops: list[tuple[Ways, Ways]] = []
        self.returns: list[Ways] = []
        self.raises: list[Ways] = []
        self.excused: list[frozenset[str]] = []
        self.excuses_used: set[str] = set()
        self.stopped = False
        self.call_nodes: list[int] = []
        self.unfolded: dict[ast.AugAssign, ast.BinOp] = {}
        self.created: dict[int, int] = {}
        self.consumed: dict[int, set[tuple[int, ...]]] = {}
        self.loop_depth = 0
        self.star_imports: list[str] = []
        self._budget = budget

    def step(self) -> None:
        """Count one step of the analysis.

        Raises:
            TooComplexError: the budget is used up.
        """
        self._budget -= 1
        if self._budget < 0:
            raise TooComplexError

    # -- states ------------------------------------------------------------------------------------------

    def save(self) -> State:
        """Return what every reachable name holds now."""
        frames: dict[int, Frame] = {}
        for frame in self.stack:
            level: Frame | None = frame
            while level is not None and id(level) not in frames:
                frames[id(level)] = level
                level = level.parent
        return tuple((frame, dict(frame.names)) for frame in frames.values())

    def restore(self, state: State) -> None:
        """Go back to a saved state."""
        for frame, names in state:
            frame.names = dict(names)

    def join(self, states: Iterable[State]) -> None:
        """Go on with what holds on any of these ways; with none of them, what follows is never reached."""
        joined: dict[int, tuple[Frame, dict[str, Value]]] = {}
        for state in states:
            for frame, names in state:
                if id(frame) not in joined:
                    joined[id(frame)] = (frame, dict(names))
                    continue
                merged = joined[id(frame)][1]
                for name, value in names.items():
                    held = merged.get(name, NOTHING)
                    if held is not value:  # most names are the same on all ways, and a procedure may have many
                        merged[name] = held | value
        self.dead = not joined
        for frame, names in joined.values():
            frame.names = names

    def same(self, first: State, second: State) -> bool:
        """Return whether two states hold the same."""
        mine = {id(frame): names for frame, names in first}
        return all(mine.get(id(frame)) == names for frame, names in second)

    # -- names -------------------------------------------------------------------------------------------

    def home(self, name: str, *, frame: Frame | None = None) -> Frame:
        """Return the scope that a name belongs to when it is used in ``frame``."""
        level: Frame | None = frame or self.frame
        first = level
        while level is not None and level.parent is not None:
            if name in level.outer:
                return self.module
            hidden = level.is_class and level is not first
            if not hidden and (name in level.names if level.bound is None else name in level.bound):
                return level
            level = level.parent
        return self.module

    def bind(self, name: str, value: Value) -> None:
        """Assign a name in the current scope."""
        frame = self.frame
        if name in frame.outer:
            frame = self.module
        elif frame.bound is not None and name not in frame.bound:
            frame = self.home(name)
        frame.names[name] = self.limited(value)

    @contextmanager
    def scope(self, frame: Frame) -> Iterator[None]:
        """Work inside another scope."""
        before = self.frame
        self.frame = frame
        self.stack.append(frame)
        try:
            yield
        finally:
            self.stack.pop()
            self.frame = before

    # -- containers --------------------------------------------------------------------------------------

    def items(self, node: ast.AST, element: Value) -> Value:
        """Return a container made at ``node``, holding ``element``."""
        self.put(id(node), element)
        return one(Items(id(node)))

    def lazy(self, kind: LazyKind, node: ast.AST, element: Value) -> Value:
        """Return what is a list on Python 2 only, made at ``node``."""
        self.created[id(node)] = self.loop_depth
        self.put(id(node), element)
        return one(Lazy(kind, id(node)))

    def put(self, site: int, element: Value) -> None:
        """Add what a container may hold; nothing is ever taken out."""
        old = self.heap.get(site, NOTHING)
        new = self.limited(old | element)
        if new != old:
            self.heap[site] = new
            self.heap_changes += 1

    def put_keys(self, site: int, keys: Value) -> None:
        """Add what the keys of a dictionary may be."""
        old = self.keys.get(site, NOTHING)
        new = self.limited(old | keys)
        if new != old:
            self.keys[site] = new
            self.heap_changes += 1

    def limited(self, value: Value) -> Value:
        """Return the value, if it is small enough to be followed.

        Raises:
            TooComplexError: it is not.
        """
        if len(value) > LARGEST_VALUE:
            raise TooComplexError
        return value

    def elements(self, atom: Items | Lazy | Row) -> Value:
        """Return what a container holds; of a dictionary its values."""
        if isinstance(atom, Row):
            return frozenset().union(*atom.places) if atom.places else NOTHING
        return self.heap.get(atom.site, NOTHING)

    def consumed_before(self, atom: Lazy, node: ast.AST) -> bool:
        """Note that something that can be gone through once is gone through here; return whether it was before."""
        places = self.consumed.setdefault(atom.site, set())
        places.add((id(node), *self.call_nodes))
        return len(places) > 1 or self.loop_depth > self.created.get(atom.site, 0)

    # -- taint -------------------------------------------------------------------------------------------

    def from_file(self, value: Value, _sites: frozenset[int] = frozenset()) -> bool:
        """Return whether some of this is the file, its content, or holds them."""
        return any(self.atom_from_file(atom, _sites) for atom in value)

    def atom_from_file(self, atom: Atom, _sites: frozenset[int] = frozenset()) -> bool:
        """Return whether this is the file, its content, or holds them."""
        match atom:
            case Stream(flavour) | Data(flavour, _):
                return flavour is Flavour.FILE
            case Context() | BinStream():
                return True
            case Items(site) | Lazy(_, site):
                held = self.heap.get(site, NOTHING) | self.keys.get(site, NOTHING)
                return site not in _sites and self.from_file(held, _sites | {site})
            case Row(places):
                return any(self.from_file(place, _sites) for place in places)
            case Method(owner, _):
                return self.atom_from_file(owner, _sites)
            case _:
                return False

    def on_python3_bytes(self, value: Value) -> bool:
        """Return whether some of this is bytes on Python 3, whichever handle is used."""
        return any(isinstance(atom, Data | Stream) and atom.flavour is Flavour.BYTES for atom in value)

    # -- wants -------------------------------------------------------------------------------------------

    def want(self, want: Want, atom: Atom, node: ast.AST, what: str, rule: str) -> None:
        """Note what one use of data or of an open file needs, by what that is on Python 3."""
        flavour = atom.flavour if isinstance(atom, Data | Stream) else Flavour.FILE
        if flavour is Flavour.FILE or want is Want.REVIEW:
            self.seen.want(want, node, what, rule)
            if want is Want.TEXT and isinstance(atom, Data) and atom.shape is Shape.CHUNK:
                self.seen.want(Want.REVIEW, node, f"{what}: a piece cut by position, taken as text", rule)
        elif flavour is Flavour.BYTES and want is Want.TEXT:
            self.seen.want(Want.REVIEW, node, f"{what}, and here it gets bytes on Python 3", rule)
        elif flavour is Flavour.TEXT and want is Want.BYTES:
            self.seen.want(Want.REVIEW, node, f"{what}, and here it gets text on Python 3", rule)

    def unknown(self, node: ast.AST, what: str) -> Value:
        """Note a use of the file that the analysis does not know, and go on with something unknown."""
        self.seen.want(Want.REVIEW, node, what, "UK490")
        return OTHER


def is_named(value: Value) -> str | None:
    """Return the full name, if the value is one known thing and nothing else."""
    if len(value) == 1:
        (atom,) = value
        if isinstance(atom, Named):
            return atom.name
    return None
