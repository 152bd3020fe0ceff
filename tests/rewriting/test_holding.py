"""What a name holds, in words."""

from __future__ import annotations

import pytest

from upgrade_kit.rewriting.holding import holding
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.readers import procedure_rules
from upgrade_kit.rewriting.values import (
    NUMBER,
    OTHER,
    Atom,
    BinStream,
    Data,
    Flavour,
    Items,
    Lazy,
    LazyKind,
    Method,
    Missing,
    Path,
    Row,
    Shape,
    Stream,
    Text,
    Thing,
    one,
)

FILE = Stream(Flavour.FILE)
LINE = Data(Flavour.FILE, Shape.LINE)


@pytest.fixture
def machine() -> Machine:
    machine = Machine(procedure_rules(), budget=10)
    machine.put(1, one(LINE))
    machine.put(2, one(Items(1)))
    machine.put(3, one(Items(3)))
    return machine


@pytest.mark.parametrize(
    ("atoms", "words"),
    [
        pytest.param([FILE], "the uploaded file", id="the file"),
        pytest.param([BinStream()], "BIN_FILE, the bytes of the uploaded file", id="BIN_FILE"),
        pytest.param([Data(Flavour.BYTES, Shape.CHUNK)], "bytes on Python 3", id="bytes in any case"),
        pytest.param([Path(), Missing()], "None or a path or name of a file", id="a path, or None"),
        pytest.param([FILE, *OTHER], "the uploaded file or something else", id="one of two ways"),
        pytest.param([Items(1)], "a collection of lines of it", id="a list of lines"),
        pytest.param([Items(2)], "a collection of collections of lines of it", id="a list of lists"),
        pytest.param([Items(3)], "", id="a list that holds itself"),
        pytest.param([Row((one(LINE), NUMBER))], "a tuple of lines of it", id="a tuple"),
        pytest.param([Lazy(LazyKind.ONCE, 1)], "a collection of lines of it", id="map over lines"),
        pytest.param([Method(FILE, "read")], "the method .read of the uploaded file", id="a method, not called"),
        pytest.param([Thing("image")], "an image", id="what a library made"),
        pytest.param([Text(), Missing()], "", id="nothing of the file"),
        pytest.param([], "", id="nothing"),
    ],
)
def test_words(atoms: list[Atom], words: str, machine: Machine) -> None:
    assert holding(machine, frozenset(atoms)) == words
