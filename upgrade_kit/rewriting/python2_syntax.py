"""Writes what only Python 2 can parse so that Python 3 parses it, and means the same.

fissix (lib2to3's heir) parses the text; the edits are located at its tokens and touch nothing else. What print puts on
the screen may look different afterwards: QATrack+ keeps none of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from upgrade_kit.model.rewrite import Edit
from upgrade_kit.rewriting.edits import edit_at
from upgrade_kit.rewriting.grammar import has_future, is_bracketed, new_escapes, python2_tree
from upgrade_kit.rewriting.made import Converted, Kept, Made
from upgrade_kit.rewriting.runtime_text import PREFIX, Places, executed

PRINT, EXCEPTIONS, LITERALS, OPERATORS, INDENTATION, PARAMETERS = (
    "UK440",
    "UK441",
    "UK442",
    "UK443",
    "UK444",
    "UK445",
)
SCREEN = frozenset({"sys.stderr", "sys.stdout"})
TAB = 8  # columns between the tab stops of Python 2


def convert_syntax(source: str, *, slug: str) -> Converted | Kept:
    """Return the edits after which Python 3 parses a text of Python 2.

    Args:
        source: the text as stored.
        slug: the test's macro name: with ``result`` the name whose value the test takes.
    """
    tree = python2_tree(executed(source))
    if tree is None:
        return Kept(1, "it cannot be parsed as Python 2")
    try:
        return _Converter(source, tree, slug).run()
    except _KeepError as kept:
        return Kept(kept.line, kept.what)


_OLD_OCTAL = re.compile(r"0[0-7]+")
_LONG = re.compile(r"(0[xXoObB])?[0-9a-fA-F]+[lL]")
_STRING = re.compile(r"([a-zA-Z]*)(['\"])")
_ASKS_FOR_TYPES = frozenset({"repr", "str", "unicode", "format", "type", "isinstance", "hash", "long"})
_WRITES_TYPES = re.compile(r"%[-+ #0-9.*()\w]*[srR]|\{")


class _KeepError(Exception):
    """This text is left as it is, for this reason."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


class _Converter:
    def __init__(self, source: str, tree: Any, slug: str) -> None:  # noqa: ANN401 - fissix has no types
        from fissix import pygram  # noqa: PLC0415
        from fissix.pgen2 import token  # noqa: PLC0415

        self._source = source
        self._places = Places(source)
        self._tree = tree
        self._results = {"result", slug}
        self._symbols = pygram.python_symbols
        self._token = token
        self._leaves = list(tree.leaves())
        self._starts: dict[int, int] = {}
        offset = -len(PREFIX)
        for leaf in self._leaves:
            offset += len(leaf.prefix)
            self._starts[id(leaf)] = offset
            offset += len(leaf.value)
        self._names = Counter(leaf.value for leaf in self._leaves if leaf.type == token.NAME)
        self._edits: list[Edit] = []
        self._made: dict[Made, None] = {}
        self._screen_is_right = self._longs_are_right = False  # once they were looked at: they concern the whole text

    def run(self) -> Converted:
        """Return the edits."""
        if str(self._tree) != executed(self._source):
            raise _KeepError(1, "it cannot be taken apart into the same text")
        symbols = self._symbols
        actions: dict[int, Callable[[Any], None]] = {
            symbols.print_stmt: self._print,
            symbols.exec_stmt: self._exec,
            symbols.except_clause: self._except,
            symbols.raise_stmt: self._raise,
            symbols.atom: self._atom,
            symbols.comp_for: self._listed,
            symbols.tfpdef: self._parameter,
            symbols.vfpdef: self._parameter,
        }
        for node in self._tree.pre_order():
            if not node.children:
                self._leaf(node)
            elif node.type in actions:
                actions[node.type](node)
        self._indentation()
        self._edits.sort(key=lambda edit: (edit.offset, len(edit.before)))
        return Converted(tuple(self._edits), tuple(sorted(self._made, key=lambda made: made.line)))

    # -- where things are ------------------------------------------------------------------------------------

    def _start(self, node: Any) -> int:  # noqa: ANN401
        return self._starts[id(next(node.leaves()))]

    def _end(self, node: Any) -> int:  # noqa: ANN401
        *_, last = node.leaves()
        return self._starts[id(last)] + len(last.value)

    def _text(self, node: Any) -> str:  # noqa: ANN401
        return self._source[self._start(node) : self._end(node)]

    def _line(self, node: Any) -> int:  # noqa: ANN401
        return self._places.line_and_column(self._start(node))[0]

    def _is_leaf(self, node: Any, value: str) -> bool:  # noqa: ANN401
        return not node.children and node.value == value

    def _inside(self, node: Any, kind: int) -> bool:  # noqa: ANN401
        while node is not None:
            if node.type == kind:
                return True
            node = node.parent
        return False

    def _replace(self, start: int, end: int, after: str, rule: str) -> None:
        """Replace a stretch of the text; a word is kept apart from a word that it would stick to."""
        left, right = self._source[max(start - 1, 0) : start], self._source[end : end + 1]
        before = " " if _is_word(left) and _is_word(after[:1]) else ""
        behind = " " if _is_word(right) and _is_word(after[-1:]) else ""
        self._edits.append(edit_at(self._places, start, self._source[start:end], f"{before}{after}{behind}", rule))

    def _say(self, node: Any, what: str, rule: str) -> None:  # noqa: ANN401
        self._made[Made(self._line(node), what, rule)] = None

    def _keep(self, node: Any, what: str) -> _KeepError:  # noqa: ANN401
        return _KeepError(self._line(node), what)

    # -- print and exec --------------------------------------------------------------------------------------

    def _print(self, node: Any) -> None:  # noqa: ANN401
        head, *values = node.children
        if len(values) == 1 and is_bracketed(values[0], self._symbols):
            return
        self._look_at_screen(node)
        target = ""
        if self._is_leaf(values[0], ">>"):
            target = self._text(values[1])
            if target not in SCREEN:
                raise self._keep(node, f"print >>{_short(target)} writes elsewhere than on the screen")
            values = values[3:]
        self._say(node, "print as a statement, written as a function", PRINT)
        if not values:
            self._replace(self._end(head), self._end(node), f"(file={target})", PRINT)
            return
        start = self._start(values[0])
        between = self._source[self._end(head) : start]
        # A backslash at a line's end may stay: it does no harm between brackets.
        self._replace(self._end(head), start if target or not between.strip(" \t") else self._end(head), "(", PRINT)
        ending = f", file={target})" if target else ")"
        last = values[-1]
        if self._is_leaf(last, ","):
            self._replace(self._start(last), self._end(last), f", end=' '{ending}", PRINT)
        else:
            self._replace(self._end(last), self._end(last), ending, PRINT)

    def _look_at_screen(self, node: Any) -> None:  # noqa: ANN401
        """Make sure that what print writes goes to the screen, and that every screen can show it."""
        if self._screen_is_right:
            return
        for number, leaf in enumerate(self._leaves):
            if leaf.type == self._token.STRING and _beyond_ascii(leaf.value):
                raise self._keep(
                    node, "print beside text outside ASCII, which fails on Python 3 in a server's C locale"
                )
            if leaf.type == self._token.NAME and leaf.value in {"stdout", "stderr"}:
                after = [following.value for following in self._leaves[number + 1 : number + 3]]
                shown = after[:1] == ["."] and after[1:] in (["write"], ["flush"])
                if not shown and not self._inside(leaf, self._symbols.print_stmt):
                    raise self._keep(leaf, f"{leaf.value} is used, so that what print writes may be kept")
        self._screen_is_right = True

    def _exec(self, node: Any) -> None:  # noqa: ANN401
        head, code, *where = node.children
        if is_bracketed(code, self._symbols) and not where:
            return
        self._say(node, "exec as a statement, written as a function", OPERATORS)
        self._replace(self._end(head), self._start(code), "(", OPERATORS)
        if where:
            self._replace(self._end(code), self._start(where[1]), ", ", OPERATORS)
        self._replace(self._end(node), self._end(node), ")", OPERATORS)

    # -- exceptions ------------------------------------------------------------------------------------------

    def _except(self, node: Any) -> None:  # noqa: ANN401
        if len(node.children) != 4 or not self._is_leaf(node.children[2], ","):  # noqa: PLR2004 - except E , name
            return
        kind, comma, name = node.children[1:]
        if name.type != self._token.NAME:
            raise self._keep(node, f"except {_short(self._text(kind))}, {_short(self._text(name))} unpacks the error")
        self._say(node, "except with a comma, written with as", EXCEPTIONS)
        blank = "" if self._source[self._end(kind) : self._start(comma)] else " "
        self._replace(self._start(comma), self._end(comma), f"{blank}as", EXCEPTIONS)

    def _raise(self, node: Any) -> None:  # noqa: ANN401
        if len(node.children) < 4 or not self._is_leaf(node.children[2], ","):  # noqa: PLR2004 - raise E , value
            return
        kind, _, value = node.children[1:4]
        if not _DOTTED.fullmatch(self._text(kind)) or not self._is_text(value):
            raise self._keep(node, "raise with a comma and something other than a text")
        self._say(node, "raise with a comma, written as a call", EXCEPTIONS)
        self._replace(self._end(kind), self._start(value), "(", EXCEPTIONS)
        if len(node.children) == 4:  # noqa: PLR2004
            self._replace(self._end(value), self._end(value), ")", EXCEPTIONS)
            return
        trace = node.children[5]
        self._replace(self._end(value), self._start(trace), ").with_traceback(", EXCEPTIONS)
        self._replace(self._end(trace), self._end(trace), ")", EXCEPTIONS)

    def _is_text(self, node: Any) -> bool:  # noqa: ANN401
        """Return whether an expression is a text, by its first operand: never a tuple, None or an exception."""
        symbols = self._symbols
        if not node.children:
            return bool(node.type == self._token.STRING)
        if node.type == symbols.atom:
            first = node.children[0]
            if self._is_leaf(first, "("):
                return len(node.children) == 3 and self._is_text(node.children[1])  # noqa: PLR2004 - ( value )
            return bool(first.type == self._token.STRING)
        if node.type in {symbols.term, symbols.arith_expr}:
            operators = {child.value for child in node.children[1::2]}
            return operators <= {"%", "+"} and self._is_text(node.children[0])
        return False

    # -- expressions -----------------------------------------------------------------------------------------

    def _atom(self, node: Any) -> None:  # noqa: ANN401
        if not self._is_leaf(node.children[0], "`"):
            return
        if not self._inside(node, self._symbols.print_stmt) and not self._is_never_used(node):
            raise self._keep(
                node, "backticks write some values (long numbers, unicode text) in another way on Python 3"
            )
        self._say(node, "backticks, written as repr()", OPERATORS)
        opening, inner, closing = node.children
        pair = ("((", "))") if inner.type == self._symbols.testlist1 else ("(", ")")
        self._replace(self._start(opening), self._end(opening), f"repr{pair[0]}", OPERATORS)
        self._replace(self._start(closing), self._end(closing), pair[1], OPERATORS)

    def _is_never_used(self, node: Any) -> bool:  # noqa: ANN401
        """Return whether a value is assigned to a name that stands nowhere else, or to nothing."""
        parent = node.parent
        if parent.type != self._symbols.expr_stmt or len(parent.children) != 3:  # noqa: PLR2004 - name = value
            return False
        name, sign, value = parent.children
        return bool(
            value is node
            and self._is_leaf(sign, "=")
            and name.type == self._token.NAME
            and self._names[name.value] == 1
            and name.value not in self._results
        )

    def _listed(self, node: Any) -> None:  # noqa: ANN401
        for place, child in enumerate(node.children):
            if self._is_leaf(child, "in"):
                values = node.children[place + 1]
                if values.type != self._symbols.testlist_safe:
                    return
                if node.parent.type != self._symbols.listmaker:
                    raise self._keep(node, "neither Python allows these values without brackets")
                self._say(values, "values without brackets in a list comprehension, written with brackets", PARAMETERS)
                self._replace(self._start(values), self._start(values), "(", PARAMETERS)
                self._replace(self._end(values), self._end(values), ")", PARAMETERS)
                return

    def _parameter(self, node: Any) -> None:  # noqa: ANN401
        """Write ``def f((a, b)): ...`` as ``def f(a_b): a, b = a_b; ...``."""
        if node.parent.type in {self._symbols.tfplist, self._symbols.vfplist, node.type}:
            return  # a tuple in a tuple is unpacked with it
        inside = node.children[1]
        if inside.type == self._token.NAME:  # def f((a)): brackets that say nothing
            self._say(node, "a parameter in brackets, written without", PARAMETERS)
            for bracket in (node.children[0], node.children[2]):
                self._replace(self._start(bracket), self._end(bracket), "", PARAMETERS)
            return
        names = [leaf.value for leaf in node.leaves() if leaf.type == self._token.NAME]
        together = "_".join(names)
        while self._names[together]:
            together += "_"
        self._names[together] += 1
        self._say(node, "a tuple as a parameter, unpacked inside", PARAMETERS)
        self._replace(self._start(node), self._end(node), together, PARAMETERS)
        if node.type == self._symbols.tfpdef:
            self._unpack_in_function(node, f"{self._text(inside)} = {together}")
        else:
            self._unpack_in_lambda(node, names, together)

    def _unpack_in_function(self, node: Any, unpacking: str) -> None:  # noqa: ANN401
        function = node
        while function.type != self._symbols.funcdef:
            function = function.parent
        statements = [function.children[-1]]
        if statements[0].type == self._symbols.suite:
            passed = {self._token.NEWLINE, self._token.INDENT, self._token.DEDENT}
            statements = [child for child in statements[0].children if child.type not in passed]
        text = next(statements[0].leaves()).type == self._token.STRING
        first = statements[1] if text and len(statements) > 1 else statements[0]
        if first.type != self._symbols.simple_stmt or re.search(r"[\r\n#\\]", unpacking):
            raise self._keep(node, f"the parameter {_short(self._text(node))} is a tuple")
        self._replace(self._start(first), self._start(first), f"{unpacking}; ", PARAMETERS)

    def _unpack_in_lambda(self, node: Any, names: list[str], together: str) -> None:  # noqa: ANN401
        """Write ``lambda (k, v): v`` as ``lambda k_v: k_v[1]``, where it is called with pairs and nothing else."""
        function = node
        while function.type not in {self._symbols.lambdef, self._symbols.old_lambdef}:
            function = function.parent
        body = function.children[-1]
        leaves = list(body.leaves())
        nested = any(leaf.value in {"lambda", "for"} for leaf in leaves)
        flat = len(node.children[1].children) == 2 * len(names) - 1
        if nested or not flat or len(names) != 2 or not self._takes_pairs(function):  # noqa: PLR2004 - a pair
            raise self._keep(node, f"the parameter {_short(self._text(node))} is a tuple")
        for before, leaf, after in zip(["", *(x.value for x in leaves)], leaves, [*leaves[1:], None], strict=False):
            is_keyword = after is not None and after.value == "=" and leaf.parent.type == self._symbols.argument
            if leaf.type == self._token.NAME and leaf.value in names and before != "." and not is_keyword:
                self._replace(self._start(leaf), self._end(leaf), f"{together}[{names.index(leaf.value)}]", PARAMETERS)

    def _takes_pairs(self, function: Any) -> bool:  # noqa: ANN401
        """Return whether a lambda is handed, beside pairs, to what calls it with each of them."""
        handed = function if function.parent.type != self._symbols.argument else function.parent
        call = handed.parent
        if call.type != self._symbols.arglist:
            return False
        whole = call.parent.parent
        given = [self._text(child) for child in call.children if child is not handed]
        return (
            whole.type == self._symbols.power
            and self._text(whole.children[0]) in {"sorted", "max", "min", "map", "filter"}
            and whole.children[1] is call.parent
            and any(_PAIRS.fullmatch(text) for text in given)
            and len(given) == 2  # noqa: PLR2004 - the pairs and the comma
        )

    def _leaf(self, leaf: Any) -> None:  # noqa: ANN401
        value = leaf.value
        if leaf.type == self._token.NUMBER:
            self._number(leaf)
        elif leaf.type == self._token.STRING:
            self._string(leaf)
        elif value == "<>":
            self._say(leaf, "<>, written !=", OPERATORS)
            self._replace(self._start(leaf), self._end(leaf), "!=", OPERATORS)

    def _number(self, leaf: Any) -> None:  # noqa: ANN401
        value = leaf.value
        if "_" in value:
            raise self._keep(leaf, f"neither Python 2 nor 3.6's predecessors know the number {value}")
        new = value
        if _LONG.fullmatch(value):
            self._look_at_long(leaf)
            new = value[:-1]
        if _OLD_OCTAL.fullmatch(new) and new.strip("0"):
            new = f"0o{new.lstrip('0')}"
        if new != value:
            self._say(leaf, f"the number {value}, written {new}", LITERALS)
            self._replace(self._start(leaf), self._end(leaf), new, LITERALS)

    def _look_at_long(self, number: Any) -> None:  # noqa: ANN401
        """Make sure that nothing writes a long number, which has an L at its end on Python 2, or asks for its type."""
        if self._longs_are_right:
            return
        for leaf in self._leaves:
            named = leaf.type == self._token.NAME and leaf.value in _ASKS_FOR_TYPES
            written = leaf.type == self._token.STRING and _WRITES_TYPES.search(leaf.value) is not None
            if (named or written) and not self._inside(leaf, self._symbols.print_stmt):
                raise self._keep(number, f"the long number {number.value} may be written or have its type asked for")
        self._longs_are_right = True

    def _string(self, leaf: Any) -> None:  # noqa: ANN401
        match = _STRING.match(leaf.value)
        prefix = match[1].lower() if match is not None else ""
        if prefix not in {"", "r", "u", "ur", "b", "br"}:
            raise self._keep(leaf, f"Python 2 does not know {prefix}'...'")
        start = self._start(leaf)
        if prefix == "ur":
            if re.search(r"\\[uU]", leaf.value):
                raise self._keep(leaf, r"ur'...' with \u, which is a letter on Python 2 alone")
            self._say(leaf, "ur'...', written r'...'", LITERALS)
            self._replace(start, start + 1, "", LITERALS)
        elif prefix == "" and "\\" in leaf.value and not has_future(self._source, "unicode_literals"):
            for place in new_escapes(leaf.value):
                self._say(leaf, "a backslash before u, U or N, doubled: Python 3 takes it for a letter", LITERALS)
                self._replace(start + place, start + place + 1, "\\\\", LITERALS)

    # -- indentation -----------------------------------------------------------------------------------------

    def _indentation(self) -> None:
        """Give a line the indentation of its block, where Python 3 cannot tell that it has it: tabs beside blanks."""
        levels = [""]
        for leaf, text in self._line_beginnings():
            column = _column(text)
            while column < _column(levels[-1]):
                levels.pop()
            block = levels[-1]
            wanted = text
            if column == _column(block):
                wanted = text if len(text) == len(block) else block
            elif len(text) <= len(block):
                wanted = block + " " * (column - _column(block))
            if column > _column(block):
                levels.append(wanted)
            if wanted != text:
                if text.strip(" \t") or wanted.strip(" \t"):
                    raise self._keep(leaf, "a form feed among tabs and blanks")
                self._say(leaf, "tabs beside blanks, written as in the block's first line", INDENTATION)
                start = self._start(leaf)
                self._replace(start - len(text), start, wanted, INDENTATION)

    def _line_beginnings(self) -> Iterator[tuple[Any, str]]:
        """Go through the first word of each logical line, with what stands before it."""
        begins = False  # the first line is the future statement
        passed = {self._token.INDENT, self._token.DEDENT}
        for leaf in self._leaves:
            if leaf.type == self._token.NEWLINE:
                begins = True
            elif begins and leaf.type not in passed and leaf.type != self._token.ENDMARKER:
                begins = False
                start = self._start(leaf)
                line = max(self._source.rfind("\n", 0, start), self._source.rfind("\r", 0, start)) + 1
                yield leaf, self._source[line:start]


_PAIRS = re.compile(r"[A-Za-z_][\w.]*\.(iter|view)?items\(\)|enumerate\([A-Za-z_]\w*\)", re.ASCII)
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_BEYOND = re.compile(r"[^\x00-\x7f]|\\x[89a-fA-F]|\\[23][0-7][0-7]|^[uU]\w?['\"].*\\[uUN]", re.DOTALL)
LONGEST_QUOTE = 40


def _beyond_ascii(literal: str) -> bool:
    return _BEYOND.search(literal) is not None


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def _column(indentation: str) -> int:
    """Return the column that Python 2 sees: a tab goes on to the next multiple of eight."""
    column = 0
    for character in indentation:
        column = (column // TAB + 1) * TAB if character == "\t" else 0 if character == "\f" else column + 1
    return column


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."
