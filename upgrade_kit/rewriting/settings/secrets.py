"""Takes passwords, keys and tokens out of a settings file before anything of it is shown.

What is hidden is found twice: by what the text says when it is taken apart (the value of ``'PASSWORD'``, of
``SECRET_KEY``, of a variable that is handed to one of them), and by how it looks (a commented-out line, a URL). In
doubt more is hidden than need be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import libcst as cst

from upgrade_kit.model.secret_words import SECRET_NAME, SECRET_WORD
from upgrade_kit.rewriting.settings.module import SettingsModule, text_of

HIDDEN = "..."
_SHORTEST_WITHIN_TEXT = 4
_TOKEN = re.compile(
    r"""#[^\r\n]*|[A-Za-z]{0,3}(?:'''(?:\\.|(?!''').)*'''|\"\"\"(?:\\.|(?!\"\"\").)*\"\"\"|"""
    r"""'(?:\\.|[^'\\\r\n])*'|"(?:\\.|[^"\\\r\n])*")""",
    re.DOTALL,
)
_PARTS = re.compile(r"([A-Za-z]*)('''|\"\"\"|'|\")(.*)\2", re.DOTALL)
# PASSWORD = '...', 'PASSWORD': "...", password is x; up to the quote that ends it, or to the end of the line.
_SAID = re.compile(
    rf"""(?P<head>\b{SECRET_WORD}\b['"]?\]?\s*(?:[:=]+|\bis\b|\bwas\b)\s*[uUbBrR]*)"""
    r"""(?:(?P<quote>['"])(?P<quoted>(?:\\.|(?!(?P=quote))[^\r\n\\])*)(?:(?P=quote)|(?=[\r\n]|\Z))|(?P<bare>[^\s'",;)}\]][^\r\n]*))""",
    re.IGNORECASE,
)
_URL = re.compile(r"(?P<head>://[^\s:/'\"]*):[^\s'\"]*@")
# pw x, at the end of a comment.
_NOTED = re.compile(rf"(?P<head>\b{SECRET_WORD}[ \t]+)[^\s.]\S*[ \t]*\Z", re.IGNORECASE)
_PAIR = re.compile(r"(?P<head>\b(?:password|passwd|pwd)[ \t]*=[ \t]*)[^\s;'\"&][^;'\"\r\n&]*", re.IGNORECASE)
# Password='...' and Password={...} within a connection string.
_QUOTED_PAIR = re.compile(
    r"(?P<head>\b(?:password|passwd|pwd)[ \t]*=[ \t]*)(?:'[^'\r\n]*'|\"[^\"\r\n]*\"|\{[^}\r\n]*\})", re.IGNORECASE
)
# 'PASSWORD': 0755, which only Python 2 can run.
_NUMBER = re.compile(rf"(?P<head>\b{SECRET_WORD}\b['\"]?\]?[ \t]*[:=][ \t]*)\d\w*", re.IGNORECASE)


class Secrets:
    """Hides what must not be shown.

    Args:
        modules: the file as it is taken apart, before and after; what cannot be is hidden by its looks alone.
    """

    def __init__(self, *modules: SettingsModule | None) -> None:
        self._literals: set[str] = set()
        self._values: set[str] = set()
        for module in modules:
            if module is not None:
                for node in _secret_literals(module):
                    self._add(node)
        self._values.discard("")
        words = sorted((word for word in self._values if len(word) >= _SHORTEST_WITHIN_TEXT), key=len, reverse=True)
        self._within = re.compile("|".join(map(_as_words, words))) if words else None

    def _add(self, node: cst.CSTNode) -> None:
        match node:
            case cst.SimpleString():
                self._literals.add(node.value)
                self._values.add(node.raw_value)
                value = node.evaluated_value
                if isinstance(value, str):
                    self._values.add(value)
                elif isinstance(value, bytes):
                    self._values.add(value.decode("latin-1"))
            case cst.FormattedStringText(value=value):
                self._values.add(value)
            case cst.Integer(value=value) | cst.Float(value=value):
                self._values.add(value)
            case _:
                pass

    def hidden(self, text: str) -> str:
        """Return a text of the file, or a part of it, line for line with its secrets hidden."""
        text = _TOKEN.sub(self._token, text)
        return self.said(text)

    def said(self, text: str) -> str:
        """Return a sentence or a part of the file with its secrets hidden."""
        text = _URL.sub(rf"\g<head>:{HIDDEN}@", _PAIR.sub(rf"\g<head>{HIDDEN}", text))
        text = _NUMBER.sub(rf"\g<head>{HIDDEN}", text)
        return self._within.sub(HIDDEN, text) if self._within is not None else text

    def _token(self, found: re.Match[str]) -> str:
        token = found[0]
        if token.startswith("#"):
            return _NOTED.sub(rf"\g<head>{HIDDEN}", _SAID.sub(_unsaid, token))
        parts = _PARTS.fullmatch(token)
        if parts is None:
            return token
        if parts[3] and (token in self._literals or parts[3] in self._values):
            return f"{parts[1]}{parts[2]}{_lines(parts[3])}{parts[2]}"
        content = _QUOTED_PAIR.sub(rf"\g<head>{HIDDEN}", _SAID.sub(_unsaid, parts[3]))
        return f"{parts[1]}{parts[2]}{content}{parts[2]}"


def _unsaid(found: re.Match[str]) -> str:
    if found["bare"] is not None:
        return f"{found['head']}{HIDDEN}"
    closed = found["quote"] if found[0].endswith(found["quote"]) and found["quoted"] is not None else ""
    return f"{found['head']}{found['quote']}{HIDDEN if found['quoted'] else ''}{closed}"


def _as_words(text: str) -> str:
    """Return a pattern for a text where it does not begin or end within a word."""
    before = r"(?<!\w)" if re.match(r"\w", text) else ""
    behind = r"(?!\w)" if re.search(r"\w\Z", text) else ""
    return f"{before}{re.escape(text)}{behind}"


def _lines(content: str) -> str:
    """Hide a text and keep its line ends, so that all lines of the file keep their numbers."""
    return HIDDEN + "".join(f"{end}{HIDDEN}" for end in re.findall(r"\r\n|\r|\n", content))


def _secret_literals(module: SettingsModule) -> Iterator[cst.CSTNode]:
    """Go through the literals that are a secret or a part of one."""
    secret_names: set[str] = set()
    while True:
        values = list(_secret_values(module, secret_names))
        names = {node.value for value in values for node in module.nodes(cst.Name, value)}
        if names <= secret_names:
            break
        secret_names |= names
    for value in values:
        for node in module.walk(value):
            if isinstance(node, cst.SimpleString | cst.FormattedStringText | cst.Integer | cst.Float):
                yield node


def _secret_values(module: SettingsModule, names: set[str]) -> Iterator[cst.CSTNode]:
    for node in module.walk():
        match node:
            case cst.DictElement(key=key, value=value) if _speaks(key, names):
                yield value
            case cst.Assign(
                targets=[cst.AssignTarget(target=cst.Tuple(elements=ones))], value=cst.Tuple(elements=others)
            ) if len(ones) == len(others):
                yield from (other.value for one, other in zip(ones, others, strict=True) if _speaks(one.value, names))
            case cst.Assign(targets=targets, value=value) if any(_speaks(one.target, names) for one in targets):
                yield value
            case (
                cst.AnnAssign(target=target, value=cst.BaseExpression() as value)
                | cst.AugAssign(target=target, value=value)
                | cst.NamedExpr(target=target, value=value)
            ) if _speaks(target, names):
                yield value
            case cst.Arg(keyword=cst.Name() as keyword, value=value) if _speaks(keyword, names):
                yield value
            case cst.Param(name=name, default=cst.BaseExpression() as value) if _speaks(name, names):
                yield value
            case cst.Call(args=arguments) if _any_text_speaks(one.value for one in arguments):
                yield from (one.value for one in arguments if not _speaks(one.value, set()))
            case (
                cst.Tuple(elements=[cst.Element(value=cst.SimpleString() as key), cst.Element(value=value)])
                | cst.List(elements=[cst.Element(value=cst.SimpleString() as key), cst.Element(value=value)])
            ) if _speaks(key, names):
                yield value
            case cst.Comparison(left=left, comparisons=others) if _speaks(left, names):
                yield from (other.comparator for other in others)
            case cst.FunctionDef(name=name, body=body) if _speaks(name, names):
                yield body
            case _:
                pass


def _any_text_speaks(nodes: Iterable[cst.BaseExpression]) -> bool:
    return any(SECRET_NAME.search(text_of(node) or "") for node in nodes)


def _speaks(node: cst.CSTNode, names: set[str]) -> bool:
    """Return whether a target, a key or a name speaks of a secret."""
    match node:
        case cst.SimpleString():
            return SECRET_NAME.search(text_of(node) or "") is not None
        case cst.Name(value=name):
            return name in names or SECRET_NAME.search(name) is not None
        case cst.Attribute(attr=attribute):
            return _speaks(attribute, set())
        case cst.Subscript(value=value, slice=parts):
            return any(
                isinstance(part.slice, cst.Index) and _speaks(part.slice.value, set()) for part in parts
            ) or _speaks(value, names)
        case cst.Tuple(elements=elements) | cst.List(elements=elements):
            return any(_speaks(element.value, names) for element in elements)
        case _:
            return False
