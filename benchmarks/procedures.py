"""Calculation procedures as sites have them, made up: the same for the same seed, and no two alike."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

SHORTEST, LONGEST, TYPICAL = 3, 120, 25  # lines

# What is done with the upload. Each ends with a number in `value`. First those that only bytes will do for.
_OF_BYTES = (
    "ds = dicom.read_file(FILE)\nvalue = float(ds.pixel_array[{a}:{b}].mean())",
    "import struct\nraw = FILE.read()\nvalue = struct.unpack('<I', raw[{a}:{a} + 4])[0] * {f}",
    "from PIL import Image\nimg = Image.open(FILE)\nvalue = img.size[0] * {f}  # width in mm",
    "import zipfile\nwith zipfile.ZipFile(FILE) as archive:\n    value = len(archive.namelist()) * {f}",
    "data = numpy.load(FILE)\nvalue = float(data[{a}:{b}].mean())",
    "import hashlib\ndigest = hashlib.md5(FILE.read()).hexdigest()\nvalue = int(digest[:{a}], 16) / {f}",
    (
        "import struct\ndef words(count):\n    block = FILE.read(2 * count)\n"
        "    return struct.unpack('<%dh' % count, block)\nvalue = sum(words({a})) / {f}"
    ),
)
_OF_TEXT_OR_NAME = (
    "import csv\nrows = list(csv.reader(FILE))\nvalue = float(rows[{a}][1]) * {f}",
    "table = numpy.loadtxt(FILE, skiprows={a})\nvalue = float(table.mean())",
    "value = 0.0\nfor line in FILE:\n    if line.startswith('Dose {a}'):\n        value = float(line.split()[1])",
    "f = open(FILE.name, 'rb')\nvalue = len(f.read()) * {f}\nf.close()",
    "import json\nvalue = json.load(FILE)['output'][{a}] * {f}",
)
_NOT_OF_THE_FILE = ("value = {f}", "value = META['unit_number'] * {f}", "value = REFS['output'] or {f}")

# What procedures do with numbers. {v} is a new name, {o} one that is set already.
_STEPS = (
    "{v} = {f}",
    "# correction for {v}, from the chamber's certificate of 201{a}",
    "{v} = {o} * {f}  # Gy",
    "{v} = ({o} - {f}) / {f} * 100.0",
    "{v} = math.sqrt(abs({o}) + {f})",
    "{v} = numpy.interp({o}, [{a}, {b}, {b} + 5], [{f}, {f}, {f}])",
    "readings = [{f}, {f}, {f}]\n{v} = sum(readings) / len(readings)",
    "{v} = [{f} * reading for reading in ({a}, {b}, {f})][{a} % 3]",
    "if abs({o}) > {f}:\n    {v} = {o} / {f}\nelse:\n    {v} = {f}",
    "{v} = 0.0\nfor reading in [{f}, {f}, {f}]:\n    {v} = {v} + reading * {o}",
    (
        "def {v}_corrected(reading, factor={f}):\n    # pressure and temperature\n"
        "    return reading * factor * (273.2 + {a}) / 295.2\n{v} = {v}_corrected({o})"
    ),
    "try:\n    {v} = {f} / {o}\nexcept ZeroDivisionError:\n    {v} = None or {f}",
    "factors = {'6 MV': {f}, '10 MV': {f}, '18 MV': {f}}\n{v} = factors['6 MV'] * {o}",
    "label = 'field %d x %d: {v}' % ({a}, {b})\n{v} = len(label) + {f}",
    "{v} = max({o}, {f}, key=lambda reading: abs(reading - {f}))",
    '"""\nStep {a} of the protocol\nis taken at {b} mm.\n"""\n{v} = {o} + {f}',
)
_ONLY_PYTHON_2 = (
    "print 'step {a}', {o}",
    "try:\n    {v} = 1 / {o}\nexcept ZeroDivisionError, error:\n    {v} = {f}",
    "if {o} <> {f}:\n    {v} = {f}",
    "{v} = len(`{o}`)",
    "if {o} > {b}:\n    raise ValueError, 'more than {b}'",
)

_NOUNS = ("dose", "output", "flatness", "symmetry", "ratio", "shift", "gantry", "field", "depth", "kv", "mu", "ptp")


def mixed(size: int, *, seed: int = 2) -> list[str]:
    """Return procedures of all kinds of test: one in ten names FILE, one in twenty is Python 2 only."""

    def opening(number: int, random: Random) -> str:
        return random.choice(_OF_BYTES + _OF_TEXT_OR_NAME if number % 10 == 0 else _NOT_OF_THE_FILE)

    return _procedures(size, Random(seed), opening, python2=20)  # noqa: S311 - the same data each time


def uploads(size: int, *, seed: int = 3) -> list[str]:
    """Return procedures that all name FILE, every other one of them to be rewritten; all are Python 3 too."""

    def opening(number: int, random: Random) -> str:
        return random.choice(_OF_BYTES if number % 2 == 0 else _OF_TEXT_OR_NAME)

    return _procedures(size, Random(seed), opening, python2=0)  # noqa: S311 - the same data each time


def of_length(lines: int, *, seed: int = 4) -> str:
    """Return one procedure of so many lines (at least 5) that is to be rewritten."""
    return _text(_OF_BYTES[1], Random(seed), lines, only_python_2=False)  # noqa: S311 - the same data each time


def in_a_try(lines: int, *, seed: int = 5) -> str:
    """Return one procedure that is to be rewritten and stands in a ``try`` but for its first and last lines."""
    body: list[str] = []
    random, names = Random(seed), ["value"]  # noqa: S311 - the same data each time
    steps = [step for step in _STEPS if '"""' not in step]
    while len(body) < lines - 6:
        body += _filled(random.choice(steps), random, names).split("\n")
    inside = "".join(f"    {line}\n" for line in body)
    return f"{_OF_BYTES[1]}\ntry:\n{inside}except (ValueError, KeyError):\n    value = 0.0\nresult = value\n".replace(
        "{a}", "4"
    ).replace("{f}", "1.5")


def _procedures(size: int, random: Random, opening: Callable[[int, Random], str], *, python2: int) -> list[str]:
    texts: dict[str, None] = {}
    while len(texts) < size:
        number = len(texts)
        length = min(LONGEST, SHORTEST + int(random.expovariate(1 / (TYPICAL - SHORTEST))))
        only_python_2 = bool(python2) and number % python2 == python2 - 1
        texts[_text(opening(number, random), random, length, only_python_2=only_python_2)] = None
    return list(texts)


def _text(opening: str, random: Random, length: int, *, only_python_2: bool) -> str:
    names = ["value"]
    parts = [_filled(opening, random, names)]
    if only_python_2:
        parts.append(_filled(random.choice(_ONLY_PYTHON_2), random, names))
    free = length - 1 - _lines(parts)
    while free > 0:
        pattern = random.choice(_STEPS)
        if _lines([pattern]) <= free:
            parts.append(_filled(pattern, random, names))
            free -= _lines([pattern])
    return "\n".join([*parts, f"result = {names[-1]}"]) + "\n"


def _lines(parts: list[str]) -> int:
    return sum(part.count("\n") + 1 for part in parts)


def _filled(pattern: str, random: Random, names: list[str]) -> str:
    """Return the pattern with other numbers and names wherever it has a place for one."""
    old, new = random.choice(names[-8:]), f"{random.choice(_NOUNS)}_{len(names)}"
    text = pattern.replace("{o}", old).replace("{v}", new)
    text = text.replace("{a}", str(random.randint(1, 9))).replace("{b}", str(random.randint(10, 199)))
    while "{f}" in text:
        text = text.replace("{f}", f"{random.uniform(0.5, 120):.4f}", 1)
    if f"{new} = " in text:
        names.append(new)
    return text
