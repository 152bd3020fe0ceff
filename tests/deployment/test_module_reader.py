"""Whatever a reader claims to know must be what running the file gives; what may differ must be unknown."""

from __future__ import annotations

import os
import random
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upgrade_kit.deployment.module_reader import SiteReader
from upgrade_kit.deployment.static_values import Binding, Dotted, Function
from upgrade_kit.errors import SiteError
from upgrade_kit.model.unobserved import Unobserved

NAMES = ("A", "B", "C", "D", "E")
START = """\
import os
from outside import mystery, mangle
junk = []
A = {'default': {'x': 'a'}, 'x': 1}
B = A['default']
C = ['a']
D = {'x': C}
E = 1
"""


def read(folder: Path, text: str) -> dict[str, Binding]:
    (folder / "qatrack").mkdir(exist_ok=True)
    path = folder / "qatrack" / "settings.py"
    path.write_bytes(text.encode())
    return SiteReader(folder, implicit_relative=False).read(path).names


def value(folder: Path, text: str, name: str = "X") -> Any:
    return read(folder, text)[name].value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("X = 1\nX = 2\n", 2, id="the later assignment wins"),
        pytest.param("X = 'a' + 'b'\n", "ab", id="texts are joined with +"),
        pytest.param("X = 'a%s' % 1\n", "a1", id="texts are filled in with %"),
        pytest.param("Y = 'b'\nX = 'a{}{y}'.format(Y, y=1)\n", "ab1", id="texts are filled in with format"),
        pytest.param("Y = 'b'\nX = f'a{Y}'\n", "ab", id="texts are filled in as f-strings"),
        pytest.param("X = {'a': {}}\nX['a']['b'] = 1\n", {"a": {"b": 1}}, id="an entry is set in place"),
        pytest.param("X = {'a': 1}\nX.update({'b': 2}, c=3)\n", {"a": 1, "b": 2, "c": 3}, id="update with data"),
        pytest.param("Y = {}\nX = Y\nY['a'] = 1\n", {"a": 1}, id="two names share one dict"),
        pytest.param("X = ['a']\nX += ('b',)\nX.append('c')\n", ["a", "b", "c"], id="a list grows"),
        pytest.param("X, Y = 'a', 'b'\n", "a", id="a tuple is unpacked"),
        pytest.param("import sys\nX = 1\nif 'test' in sys.argv:\n    X = 2\n", 1, id="no test is being run"),
        pytest.param("import sys\nX = any(['test' in word for word in sys.argv])\n", False, id="a short loop"),
        pytest.param("if 1:\n    X = 'a'\nelse:\n    X = 'b'\n", "a", id="a condition that is known"),
        pytest.param("from outside import f\nX = 1 if f() else 1\n", 1, id="both ways give the same"),
        pytest.param("try:\n    X = 1\nexcept ImportError:\n    X = 2\n", 1, id="what cannot fail does not fail"),
        pytest.param("try:\n    from .gone import *\nexcept ImportError:\n    X = 2\n", 2, id="a missing file fails"),
        pytest.param("import os\nX = not os.path.exists('/no/such/file') or f()\n", True, id="a file that is absent"),
        pytest.param("X: str = 'a'\n", "a", id="an annotated name"),
        pytest.param("X = (1,)\ndef f():\n    return X\nf()\n", (1,), id="a call that changes nothing of it"),
    ],
)
def test_is_known(tmp_path: Path, text: str, expected: object) -> None:
    assert value(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            "import os\nX = os.environ['Q']\n",
            "taken from the environment variable Q of the process that runs the site (qatrack/settings.py:2)",
            id="an environment variable",
        ),
        pytest.param(
            "import os\nX = 1\nif os.environ.get('Q'):\n    X = 2\n",
            "depends on whether os.environ.get('Q') (qatrack/settings.py:3)",
            id="a condition that changes it",
        ),
        pytest.param(
            "import os\nif 'Q' in os.environ:\n    X = 2\n",
            "set only if 'Q' in os.environ (qatrack/settings.py:2)",
            id="a condition that sets it",
        ),
        pytest.param("import socket\nX = socket.gethostname()\n", "computed by socket.gethostname()", id="a call"),
        pytest.param("for X in (1, 2):\n    pass\n", "set in a loop (qatrack/settings.py:1)", id="a loop"),
        pytest.param("X = 1\nexec(open('x').read())\n", "may be changed by exec()", id="exec may change everything"),
        pytest.param(
            "X = 1\nglobals().update(Y=2)\n",
            "may be changed by globals()",
            id="globals may change everything",
        ),
        pytest.param("X = []\nimport z\nz.mangle(X)\n", "may be changed by a call", id="a list is handed to a call"),
        pytest.param("import z\nX = {}\nX.update(z.more())\n", "changed by .update()", id="update with the unknown"),
        pytest.param(
            "X = 1\ndef f():\n    global X\n    X = 2\nf()\n",
            "may be changed by f()",
            id="a function sets it",
        ),
        pytest.param("X = 1\nfrom z import *\n", "may be replaced by 'from z import *'", id="a star import of others"),
        pytest.param(
            "try:\n    import z\n    X = 1\nexcept ImportError:\n    X = 2\n", "the lines under try", id="try"
        ),
        pytest.param("X = 'a'\nX += Y\n", "uses Y, which is not set", id="a name that is not set"),
        pytest.param("X = '%1000000000d' % 1\n", "computed with Mod", id="padding that would fill the memory"),
        pytest.param("X = {'a': 1}['b']\n", "fails with KeyError", id="an expression that fails"),
        pytest.param("X = 7 / 2\n", "computed with Div", id="division, which differs between 2 and 3"),
    ],
)
def test_is_unknown_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    found = value(tmp_path, text)
    assert isinstance(found, Unobserved)
    assert reason in found.reason


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("kind", ["link in a circle", "pipe"])
def test_a_file_that_is_there_and_cannot_be_read_is_not_passed_over(tmp_path: Path, kind: str) -> None:
    (tmp_path / "qatrack").mkdir()
    local = tmp_path / "qatrack" / "local_settings.py"
    os.mkfifo(local) if kind == "pipe" else local.symlink_to(local)
    with pytest.raises(SiteError, match=r"qatrack/local_settings\.py is no file that can be read"):
        read(tmp_path, "try:\n    from .local_settings import *\nexcept ImportError:\n    pass\n")


def test_one_unknown_entry_leaves_the_others_known(tmp_path: Path) -> None:
    found = value(tmp_path, "import os\nX = {'a': 1, 'b': os.environ['Q']}\n")
    assert found["a"] == 1
    assert isinstance(found["b"], Unobserved)


def test_an_entry_set_under_a_condition_leaves_the_others_known(tmp_path: Path) -> None:
    found = value(tmp_path, "import z\nX = {'a': 1}\nif z.f():\n    X['b'] = 2\n")
    assert found["a"] == 1
    assert found["b"] == Unobserved("set only if z.f() (qatrack/settings.py:3)")


def test_a_name_knows_the_file_and_line_that_set_it(tmp_path: Path) -> None:
    (tmp_path / "qatrack").mkdir()
    (tmp_path / "qatrack" / "other.py").write_text("\n\nX = 1\n", encoding="utf-8")
    assert read(tmp_path, "from .other import *\n")["X"].where == "qatrack/other.py:3"


def test_files_that_import_each_other_are_read(tmp_path: Path) -> None:
    (tmp_path / "qatrack").mkdir()
    (tmp_path / "qatrack" / "other.py").write_text("from .settings import X\nX['b'] = 2\n", encoding="utf-8")
    assert value(tmp_path, "X = {'a': 1}\nfrom .other import *\n") == {"a": 1, "b": 2}


def test_a_names_list_and_an_underscore_keep_names_out_of_a_star_import(tmp_path: Path) -> None:
    (tmp_path / "qatrack").mkdir()
    (tmp_path / "qatrack" / "other.py").write_text("__all__ = ['X']\nX = 1\nY = 2\n", encoding="utf-8")
    (tmp_path / "qatrack" / "third.py").write_text("_Z = 1\n", encoding="utf-8")
    names = read(tmp_path, "from .other import *\nfrom .third import *\n")
    assert "X" in names
    assert "Y" not in names
    assert "_Z" not in names


def test_an_import_never_leaves_the_site(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "outside.py").write_text("X = 1\n", encoding="utf-8")
    with pytest.raises(SiteError, match="which is not there"):
        read(site, "from ...outside import X\n")


def test_a_file_that_always_stops_is_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="always stops with an error"):
        read(tmp_path, "X = 1\nraise ValueError\n")


# Programs made at random, read and then run


class Writer:
    """Writes settings-like programs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - for tests

    def program(self) -> str:
        return START + "".join(
            f"{line}\n" for _ in range(self.random.randrange(1, 8)) for line in self.statement("", 0)
        )

    def key(self) -> str:
        return repr(self.random.choice(("x", "y", "default")))

    def name(self) -> str:
        return self.random.choice(NAMES)

    def expression(self, depth: int = 0) -> str:
        inner: Callable[[], str] = lambda: self.expression(depth + 1)  # noqa: E731 - says less where it is used
        makers: list[Callable[[], str]] = [
            lambda: repr(self.random.choice(("a", "b", "", "x/y"))),
            lambda: str(self.random.randrange(3)),
            self.name,
            self.name,
            lambda: self.random.choice(("True", "False", "None")),
        ]
        if depth < 3:
            makers += [
                lambda: "[" + ", ".join(inner() for _ in range(self.random.randrange(3))) + "]",
                lambda: "{" + ", ".join(f"{self.key()}: {inner()}" for _ in range(self.random.randrange(3))) + "}",
                lambda: f"({inner()}, {inner()})",
                lambda: f"({inner()} + {inner()})",
                lambda: f"{self.name()}[{self.key()}]",
                lambda: f"{self.name()}[{self.key()}]",
                lambda: f"({inner()} if {self.condition(depth)} else {inner()})",
                lambda: f"os.environ.get('Q', {inner()})",
                lambda: f"mystery({inner()})",
                lambda: f"({inner()} {self.random.choice(('and', 'or'))} {inner()})",
                lambda: f"[q for q in {inner()} if {self.condition(depth)}]",
                lambda: f"dict(x={inner()})",
                lambda: f"{self.name()}.get({self.key()}, {inner()})",
                lambda: f"os.path.join({inner()}, {inner()})",
                lambda: f"('%s' % {inner()})",
                lambda: f"'{{}}-{{}}'.format({inner()}, {inner()})",
                lambda: f"list({inner()})",
                lambda: f"{self.name()}.pop({self.key()}, None)",
            ]
        return self.random.choice(makers)()

    def condition(self, depth: int = 0) -> str:
        inner: Callable[[], str] = lambda: self.expression(depth + 1)  # noqa: E731 - as above
        return self.random.choice(
            (
                lambda: "'Q' in os.environ",
                lambda: f"{self.key()} in {self.name()}",
                inner,
                lambda: f"{inner()} == {inner()}",
                lambda: f"not {inner()}",
                lambda: "mystery(1)",
                lambda: f"{inner()} is None",
            )
        )()

    def block(self, indent: str, depth: int) -> list[str]:
        return [line for _ in range(self.random.randrange(1, 4)) for line in self.statement(indent, depth)]

    def statement(self, indent: str, depth: int) -> list[str]:
        name, key, some = self.name(), self.key(), self.expression
        makers: list[Callable[[], list[str]]] = [
            lambda: [f"{name} = {some()}"],
            lambda: [f"{name} = {some()}"],
            lambda: [f"{name} = {some()}"],
            lambda: [f"{name}[{key}] = {some()}"],
            lambda: [f"{name}[{key}][{self.key()}] = {some()}"],
            lambda: [f"{name}.update({some()})"],
            lambda: [f"{name}.append({some()})"],
            lambda: [f"{name} += {some()}"],
            lambda: [f"mangle({name})"],
            lambda: [f"{name}.setdefault({key}, {some()})"],
            lambda: [f"del {name}[{key}]"],
            lambda: [f"{name} = {self.name()}"],
            lambda: [f"{name}[{key}] = {self.name()}"],
            lambda: [f"{name}, {self.name()} = {some()}"],
            lambda: [f"{name}[{key}].update(mystery({some()}))"],
            lambda: [
                "def f():",
                f" global {name}",
                f" {name} = {some()}",
                f" {self.name()}[{key}] = 1",
                "f()",
            ],
            lambda: ["raise ValueError" if self.random.random() < 0.1 else "pass"],
        ]
        if depth < 3:
            makers += [
                lambda: [f"if {self.condition()}:", *self.block(" ", depth + 1)],
                lambda: [
                    f"if {self.condition()}:",
                    *self.block(" ", depth + 1),
                    "else:",
                    *self.block(" ", depth + 1),
                ],
                lambda: [
                    "try:",
                    *self.block(" ", depth + 1),
                    "except Exception:",
                    *self.block(" ", depth + 1),
                ],
                lambda: [f"for {name} in {some()}:", *self.block(" ", depth + 1)],
                lambda: [
                    "while mystery(1) and len(junk) < 2:",
                    " junk.append(1)",
                    *self.block(" ", depth + 1),
                ],
            ] * 2
        return [indent + line for line in self.random.choice(makers)()]


def outside(chance: random.Random) -> types.ModuleType:
    """A module that does to its arguments what an unknown function may do."""

    def wreck(item: object) -> None:
        if isinstance(item, dict):
            item["x"] = "wrecked"
            for inner in list(item.values()):
                if chance.random() < 0.5:
                    wreck(inner)
        elif isinstance(item, list):
            item.append("wrecked")

    def mystery(item: object) -> object:
        wreck(item)
        return chance.choice((0, 1, "a", {}, {"x": 2}, ["z"], True, None))

    module = types.ModuleType("outside")
    module.__dict__.update(mystery=mystery, mangle=wreck)
    return module


def is_true_of(claimed: object, real: object, depth: int = 0) -> bool:
    """Return whether a claim holds; parts that are unknown claim nothing."""
    if depth > 30 or isinstance(claimed, Unobserved | Dotted | Function):
        return True
    if type(claimed) is not type(real):
        return False
    if isinstance(claimed, dict) and isinstance(real, dict):
        known = {key: item for key, item in claimed.items() if not isinstance(item, Unobserved)}
        return (
            real.keys() <= claimed.keys()
            and known.keys() <= real.keys()
            and all(is_true_of(item, real[key], depth + 1) for key, item in known.items())
        )
    if isinstance(claimed, list | tuple) and isinstance(real, list | tuple):
        return len(claimed) == len(real) and all(
            is_true_of(one, other, depth + 1) for one, other in zip(claimed, real, strict=True)
        )
    return claimed == real


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_what_is_known_is_what_running_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    text = Writer(seed).program()
    try:
        names = read(tmp_path, text)
    except SiteError:
        names = None
    for world in range(4):
        monkeypatch.setitem(sys.modules, "outside", outside(random.Random(world)))  # noqa: S311 - for tests
        if world % 2:
            monkeypatch.setenv("Q", "set")
        else:
            monkeypatch.delenv("Q", raising=False)
        real: dict[str, object] = {}
        try:
            exec(compile(text, "settings.py", "exec"), real)  # noqa: S102 - the test's own text, to compare with
        except Exception:  # noqa: BLE001, S112 - then the application would not start, and no claim matters
            continue
        assert names is not None, text
        for name in NAMES:
            if name not in names:
                assert name not in real, (name, text)
            elif not isinstance(names[name].value, Unobserved):
                assert name in real, (name, text)
                assert is_true_of(names[name].value, real[name]), (name, names[name].value, real[name], text)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    try:
        names = read(tmp_path, text.encode("utf-8", "replace").decode())
    except SiteError as error:
        assert "qatrack/settings.py" in error.message  # noqa: PT017 - either answer is right
    else:
        assert "__file__" in names


@pytest.mark.parametrize("condition", ["C.pop('default', None)", "not dict(x=C.pop('default', None))"])
def test_a_condition_on_what_is_not_known_may_fail_under_try(tmp_path: Path, condition: str) -> None:
    names = read(
        tmp_path, f"A = {{'k': 1}}\nC = ['a']\ntry:\n if {condition}:\n  pass\nexcept Exception:\n A['k'] = 2\n"
    )

    claimed = names["A"].value
    assert isinstance(claimed, dict)
    assert isinstance(claimed["k"], Unobserved)
