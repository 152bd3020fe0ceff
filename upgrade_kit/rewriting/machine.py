"""The state of the analysis: frames, what containers hold, and what was observed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from upgrade_kit.rewriting.frames import Frame, Moment, same
from upgrade_kit.rewriting.observations import Observations, Want
from upgrade_kit.rewriting.order import Order
from upgrade_kit.rewriting.readers import Rules
from upgrade_kit.rewriting.values import (
    NOTHING,
    OTHER,
    TEXT,
    Atom,
    BinStream,
    Bound,
    Class,
    Context,
    Data,
    Flavour,
    Instance,
    Items,
    Lazy,
    LazyKind,
    Literal,
    Method,
    Named,
    Partial,
    Row,
    Shape,
    Stream,
    Super,
    Thing,
    Value,
    one,
)

if TYPE_CHECKING:
    from upgrade_kit.rewriting.objects import ClassOf

LARGEST_VALUE = 24  # atoms in one value; beyond it the analysis says that it cannot follow
FEW_WORDS = 4
_WORDS = re.compile(r"[0-9A-Za-z][0-9A-Za-z .,/()-]*")


class TooComplexError(Exception):
    """The analysis would take too long; the answer is that a person must look."""


State = tuple[tuple[Frame, Moment], ...]


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

    def __init__(self, rules: Rules, *, budget: int, supplied: frozenset[str] | None = None) -> None:
        self.rules = rules
        self.seen = Observations()
        self.module = Frame(None, None)
        self.gets_file = supplied is None
        if supplied is None:
            self.module.store("FILE", one(Context("FILE")))
            self.module.store("BIN_FILE", one(Context("BIN_FILE")))
        for name in supplied or ():
            self.module.store(name, one(Thing("META value")))
        self.frame = self.module
        self._reachable: tuple[Frame, ...] = (self.module,)
        self.heap: dict[int, Value] = {}
        self.keys: dict[int, Value] = {}
        self.heap_changes = 0
        self.definitions: list[Definition] = []
        self.numbers: dict[tuple[int, int], int] = {}
        self.own_names: dict[int, tuple[frozenset[str], frozenset[str]]] = {}  # of each function, found out once
        self.generators: dict[int, bool] = {}
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
        self.written_out: dict[ast.Call, ast.Lambda] = {}
        self.created: dict[int, int] = {}
        self.consumed: dict[int, set[tuple[int, ...]]] = {}
        self.loop_depth = 0
        self.star_imports: list[str] = []
        self.reads_dicom = False
        self.order = Order()
        self.held: dict[tuple[int, str], Value] | None = None  # by line and name; kept only where it is asked for
        self.classes: list[ClassOf] = []
        self.class_numbers: dict[int, int] = {}
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
        return tuple((frame, frame.now()) for frame in self._reachable)

    def restore(self, state: State) -> None:
        """Go back to a saved state."""
        for frame, moment in state:
            frame.go(moment)

    def join(self, states: Iterable[State]) -> State:
        """Go on with what holds on any of these ways, and return that; with none, what follows is never reached."""
        frames: dict[Frame, dict[Moment, None]] = {}
        for state in states:
            for frame, moment in state:
                frames.setdefault(frame, {})[moment] = None
        self.dead = not frames
        for frame, moments in frames.items():
            frame.join(moments)
        return tuple((frame, frame.now()) for frame in frames)

    def may_raise(self) -> None:
        """Keep what holds now for the handlers of every try around this place."""
        state = self.save()
        for ways in self.raises:
            if ways.states[-1:] != [state]:
                ways.states.append(state)

    def same(self, first: State, second: State) -> bool:
        """Return whether two states hold the same."""
        mine = dict(first)
        return all(frame in mine and same(mine[frame], moment) for frame, moment in second)

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
        frame.store(name, self.limited(value))

    def tell(self, node: ast.AST, name: str, value: Value) -> None:
        """Keep what a name comes to hold here, where somebody asked for the story."""
        if self.held is not None:
            key = (getattr(node, "lineno", 2), name)
            self.held[key] = self.held.get(key, NOTHING) | value

    @contextmanager
    def scope(self, frame: Frame) -> Iterator[None]:
        """Work inside another scope."""
        before, reachable = self.frame, self._reachable
        self.frame = frame
        level: Frame | None = frame
        while level is not None:
            if level not in reachable:
                self._reachable += (level,)
            level = level.parent
        try:
            yield
        finally:
            self.frame, self._reachable = before, reachable

    # -- containers --------------------------------------------------------------------------------------

    def items(self, node: ast.AST, element: Value) -> Value:
        """Return a container made at ``node``, holding ``element``."""
        self.created.setdefault(id(node), self.loop_depth)
        self.order.depths.setdefault(id(node), self.order.depth(self))
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
        """Return the value, made small enough to be followed: of many words, a few and "some text".

        Raises:
            TooComplexError: it holds too much besides words.
        """
        if len(value) <= LARGEST_VALUE:
            return value
        few = _fewer_words(value)
        if len(few) > LARGEST_VALUE:
            raise TooComplexError
        return few

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
            case Method(owner, _) | Bound(_, owner) | Super(_, owner):
                return self.atom_from_file(owner, _sites)
            case Partial(function, given):
                return self.from_file(frozenset({function}).union(*given), _sites)
            case Instance(number) | Class(number):
                held = frozenset().union(
                    *self.classes[number].held.values(), *self.classes[number].frame.names.values()
                )
                return -number - 1 not in _sites and self.from_file(held, _sites | {-number - 1})
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


def _fewer_words(value: Value) -> Value:
    """Return a value in which the words of a table (names of leaves, machines, sites) became some of them and text.

    What begins with a digit and what does not is kept for both, since some uses tell them apart. Texts with other
    signs in them (a format, a line end, a letter outside ASCII) may mean something, and stay.
    """
    words = {atom for atom in value if isinstance(atom, Literal) and not atom.raw and _WORDS.fullmatch(atom.text)}
    numbered = sorted((atom for atom in words if atom.text[0].isdigit()), key=lambda atom: atom.text)
    named = sorted((atom for atom in words if not atom.text[0].isdigit()), key=lambda atom: atom.text)
    return (value - words) | {*numbered[:FEW_WORDS], *named[:FEW_WORDS]} | TEXT


def is_named(value: Value) -> str | None:
    """Return the full name, if the value is one known thing and nothing else."""
    if len(value) == 1:
        (atom,) = value
        if isinstance(atom, Named):
            return atom.name
    return None
