"""Texts without end: procedures whose truth is known because they are built of parts, and real ones that are damaged.

Of a built one, the answer has to be the truth or ``review``, and a rewrite the very text that was expected. Of every
text: no exception, one of the outcomes, edits that give ``source``, and a rewrite that needs no further one.
"""

from __future__ import annotations

import multiprocessing
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from time import perf_counter

from upgrade_kit.model.rewrite import Outcome, Rewrite
from upgrade_kit.rewriting.readers import procedure_rules
from upgrade_kit.rewriting.rewrite import rewrite_procedure

SIZE = 2_000  # texts
PORTION = 500  # texts that a process is given at once
SLOW = 5.0  # seconds that no text may take
MOST_SHOWN = 20
SLUG = "value"
CASES = Path(__file__).resolve().parents[1] / "fixtures" / "procedures"

FILE, NAME = "\x01", "\x02"  # where a built text uses the context's FILE, and its name


@dataclass(frozen=True, slots=True)
class Use:
    """One use of the upload.

    Attributes:
        lines: what is written; ``{h}`` is the file, ``{d}`` its content, ``{r}`` a new name that gets a number.
        demand: ``bytes``, ``text``, ``either`` or ``name``.
        imports: what it needs.
    """

    lines: str
    demand: str
    imports: str = ""


USES = (
    Use("{r} = struct.unpack('<i', {d}[:4])[0]", "bytes", "struct"),
    Use("{r} = int(hashlib.md5({d}).hexdigest()[:6], 16)", "bytes", "hashlib"),
    Use("{r} = zlib.crc32({d}) % 1000", "bytes", "zlib"),
    Use("{r} = int(numpy.frombuffer({d}, dtype='<i4')[0])", "bytes"),
    Use("{r} = len(base64.b64encode({d}))", "bytes", "base64"),
    Use("{r} = dicom.read_file({h}).Rows * 2", "bytes"),
    Use("with zipfile.ZipFile({h}) as archive:\n    {r} = len(archive.namelist())", "bytes", "zipfile"),
    Use("{r} = float(numpy.load({h}).mean())", "bytes"),
    Use("{r} = float(Image.open({h}).size[0])", "bytes", "PIL.Image"),
    Use("{r} = len({d}.split(','))", "text"),
    Use("{r} = len(re.findall('[0-9]+ mm', {d}))", "text", "re"),
    Use("{r} = 1 if 'PASS' in {d} else 0", "text"),
    Use("{r} = len([row for row in csv.reader({h}) if row])", "text", "csv"),
    Use("{r} = 0\nfor line in {h}:\n    if line.startswith('Dose'):\n        {r} += 1", "text"),
    Use("{r} = float({h}.readline().split('=')[1])", "text"),
    Use("{r} = float(numpy.loadtxt({h}).mean())", "either"),
    Use("{r} = float(json.load({h})['output'])", "either", "json"),
    Use("{r} = len(os.path.basename({n}))", "name", "os"),
    Use("{r} = os.path.getsize({n})", "name", "os"),
)
WIRES = (
    "{v} = {o}",
    "{v}, {v}_n = {o}, 4",
    "[{v}] = [{o}]",
    "{v}_all = [{o}]\n{v} = {v}_all[0]",
    "{v}_all = {'a': {o}}\n{v} = {v}_all['a']",
    "{v}_row = (1, {o})\n{v} = {v}_row[1]",
    "{v} = {v}_b = {o}",
    "def {v}_f(x):\n    return x\n{v} = {v}_f({o})",
    "def {v}_f(x, n=2):\n    y = x\n    return y\n{v} = {v}_f(n=3, x={o})",
    "{v} = (lambda x: x)({o})",
    "if META['unit_number'] > 1:\n    {v} = {o}\nelse:\n    {v} = {o}",
    "{v} = None\nif META['unit_number'] > 1:\n    {v} = {o}\nif {v} is None:\n    {v} = {o}",
    "try:\n    {v} = {o}\nfinally:\n    {v}_n = 1",
    "{v} = {o} if META['unit_number'] else {o}",
    "for {v}_x in [{o}]:\n    {v} = {v}_x",
    "{v} = [x for x in [{o}]][0]",
    "while True:\n    {v} = {o}\n    break",
    "{v} = dict(a={o})['a']",
    "{v} = ({o},)[0]",
    "{v} = [{o}].pop()",
    "{v}_all = []\n{v}_all.append({o})\n{v} = {v}_all[-1]",
    "def {v}_f(*given, **named):\n    return given[0]\n{v} = {v}_f({o}, a=1)",
    "def {v}_f(x):\n    def inner():\n        return x\n    return inner\n{v} = {v}_f({o})()",
    "def {v}_f(x):\n    yield x\n{v} = list({v}_f({o}))[0]",
    "def {v}_f(x):\n    if META['unit_number']:\n        return x\n    return x\n{v} = {v}_f({o})",
    "try:\n    {v} = {o}\nexcept ValueError:\n    raise",
)
OUTERMOST = (
    "def {v}_f():\n    global {v}\n    {v} = {o}\n{v}_f()",
    "def {v}_f():\n    return {o}\n{v} = {v}_f()",
    "def {v}_f(x={o}):\n    return x\n{v} = {v}_f()",
    "class {v}_C(object):\n    pass\n{v}_C.held = {o}\n{v} = {v}_C.held",
)
DECOYS = (
    "# FILE is read here, not BIN_FILE",
    "note = 'FILE.read() gives text'",
    "PROFILE = 3",
    "FILE_COUNT = 1",
    "options = dict(FILE=1)",
    "def of_another(FILE):\n    return FILE + 1",
    "step = lambda FILE: FILE * 2",
    "offset = 1.5 * META['unit_number']",
    '"""\nFILE\n"""',
    "values = [n * 2 for n in (1, 2, 3)]",
    "try:\n    factor = 1.0 / offset\nexcept (NameError, ZeroDivisionError):\n    factor = 1.0",
)
PRINTS = (("print 'FILE'", "print('FILE')"), ("print 'done', 2", "print('done', 2)"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A text whose truth is known.

    Attributes:
        source: the text.
        truth: what it demands, in words.
        allowed: the outcomes that are right.
        after: what a rewrite has to give.
    """

    source: str
    truth: str
    allowed: frozenset[Outcome]
    after: str


@dataclass(slots=True)
class Tally:
    """What came of some texts."""

    texts: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def fail(self, kind: str, number: int, text: str, what: str) -> None:
        """Note a failure."""
        self.failed[kind] += 1
        if len(self.failures) < MOST_SHOWN:
            self.failures.append(f"{kind}, text {number}: {what}\n{text!r}")

    def add(self, other: Tally) -> None:
        """Take in what came of others."""
        self.texts += other.texts
        self.outcomes += other.outcomes
        self.failed += other.failed
        self.failures = (self.failures + other.failures)[:MOST_SHOWN]
        self.slowest = max(self.slowest, other.slowest)


def run(texts: int, jobs: int, *, seed: int = 1) -> Iterator[str]:
    """Go through so many texts, in so many processes; the same texts for the same seed.

    Raises:
        SystemExit: an answer was wrong, or there was an exception.
    """
    start = perf_counter()
    tally = Tally()
    told = 0
    for done in _portions(texts, jobs, seed):
        tally.add(done)
        if tally.texts - told >= max(texts // 20, PORTION):
            told = tally.texts
            yield f"  {told} texts, {sum(tally.failed.values())} failures, {perf_counter() - start:.0f} s"
    yield f"{tally.texts} texts in {perf_counter() - start:.0f} s with {jobs} process(es); seed {seed}"
    for what, count in sorted(tally.outcomes.items()):
        yield f"  {what:<34} {count}"
    yield f"  the slowest took {tally.slowest:.2f} s"
    for kind in ("exception", "wrong", "broken", "slow"):
        yield f"  {kind:<34} {tally.failed[kind]}"
    yield from tally.failures
    if tally.failed:
        raise SystemExit(1)


def _portions(texts: int, jobs: int, seed: int) -> Iterator[Tally]:
    ranges = [(seed, begin, min(begin + PORTION, texts)) for begin in range(0, texts, PORTION)]
    if jobs == 1:
        yield from map(tried, ranges)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(tried, ranges)


def tried(numbers: tuple[int, int, int]) -> Tally:
    """Try the texts of these numbers: seed, first, and the one after the last."""
    seed, begin, end = numbers
    tally = Tally()
    for number in range(begin, end):
        random = Random(f"{seed}:{number}")  # noqa: S311 - a number gives the same text each time
        built = build(random) if number % 2 == 0 else None
        text = damaged(random) if built is None else built.source
        _try(tally, number, text, built)
    return tally


def _try(tally: Tally, number: int, text: str, built: Built | None) -> None:
    tally.texts += 1
    start = perf_counter()
    try:
        answer = rewrite_procedure(text, slug=SLUG)
        problem = _broken(text, answer)
    except Exception as error:  # noqa: BLE001 - finding any of them is what this is for
        tally.fail("exception", number, text, repr(error))
        return
    taken = perf_counter() - start
    tally.slowest = max(tally.slowest, taken)
    if taken > SLOW:
        tally.fail("slow", number, text, f"{taken:.1f} s")
    if problem is not None:
        tally.fail("broken", number, text, problem)
    truth = "damaged" if built is None else f"built, {built.truth}"
    tally.outcomes[f"{truth}: {answer.outcome.value}"] += 1
    if built is None:
        return
    if answer.outcome not in built.allowed:
        tally.fail("wrong", number, text, f"{answer.outcome.value}, but it reads {built.truth}: {answer.reason}")
    elif answer.outcome is Outcome.REWRITE and answer.source != built.after:
        tally.fail("wrong", number, text, f"rewritten as {answer.source!r}")


def _broken(text: str, answer: Rewrite) -> str | None:
    """Return what an answer lacks that every answer must have, or None."""
    after, position = [], 0
    for edit in answer.edits:
        if edit.offset < position or text[edit.offset : edit.offset + len(edit.before)] != edit.before:
            return f"the edit at {edit.offset} does not fit the text"
        after += [text[position : edit.offset], edit.after]
        position = edit.offset + len(edit.before)
    if "".join([*after, text[position:]]) != answer.source:
        return "the edits do not give the source"
    if answer.before is not text or (not answer.edits and answer.source is not text):
        return "a text without edits is not the very same"
    if answer.edits and answer.outcome in {Outcome.UNCHANGED, Outcome.ERROR}:
        return f"{answer.outcome.value} with edits"
    if answer.outcome is Outcome.REWRITE:
        again = rewrite_procedure(answer.source, slug=SLUG)
        if again.outcome is not Outcome.UNCHANGED:
            return f"rewritten again: {again.outcome.value}, {again.reason}"
    return None


# -- texts whose truth is known -----------------------------------------------------------------------------


def build(random: Random) -> Built:
    """Return a procedure that is put together of parts, and what it demands."""
    uses = random.choices(USES, k=random.choices((0, 1, 2), weights=(1, 7, 2))[0])
    names = (f"v{number}" for number in range(1000))
    lines: list[str] = []
    results = []
    aliased = False
    for use in uses:
        lines += _decoys(random)
        if "{h}" in use.lines or "{d}" in use.lines:
            holder = _wired(random, names, lines, FILE)
        elif random.random() < 1 / 3:
            holder = _wired(random, names, lines, FILE)
            aliased = aliased or holder != FILE
        else:
            holder = FILE
        content = _wired(random, names, lines, f"{holder}.read()") if "{d}" in use.lines else ""
        named = NAME if holder == FILE else f"{holder}.name"
        results.append(f"result_{len(results)}")
        filled = {"{h}": holder, "{d}": content, "{n}": named, "{r}": results[-1]}
        lines += _filled(use.lines, filled).split("\n")
    lines += _decoys(random)
    imports = sorted({use.imports for use in uses if use.imports})
    lines = [_import(name) for name in imports] + lines
    lines.append(f"result = {' + '.join(results) or '1.5'}")
    printed = random.choice(PRINTS) if random.random() < 1 / 8 else None
    place = random.randrange(len(lines) + 1)
    while printed and place < len(lines) and (lines[place][:1] in {" ", ""} or _goes_on(lines, place)):
        place += 1
    end = random.choice(("\n", "\n", "\n", "\r\n", "\r"))
    before, after = (
        [*lines[:place], *((printed[number],) if printed else ()), *lines[place:], ""] for number in (0, 1)
    )
    demands = {use.demand for use in uses}
    renamed = "bytes" in demands
    source = end.join(before).replace(FILE, "FILE").replace(NAME, "FILE.name")
    wanted = end.join(after)
    if renamed:
        wanted = wanted.replace(FILE, "BIN_FILE").replace(NAME, "BIN_FILE.path")
    wanted = wanted.replace(FILE, "FILE").replace(NAME, "FILE.name")
    truth = " and ".join(sorted(demands)) or "nothing"
    return Built(
        source=source,
        truth=f"{truth} (Python 2 only)" if printed else truth,
        allowed=_allowed(demands, aliased=aliased, python2=printed is not None),
        after=wanted,
    )


def _allowed(demands: set[str], *, aliased: bool, python2: bool) -> frozenset[Outcome]:
    if {"bytes", "text"} <= demands or ("bytes" in demands and aliased):
        return frozenset({Outcome.REVIEW})
    if "bytes" in demands or python2:
        return frozenset({Outcome.REWRITE, Outcome.REVIEW})
    return frozenset({Outcome.UNCHANGED, Outcome.REVIEW})


def _wired(random: Random, names: Iterator[str], lines: list[str], value: str) -> str:
    """Write how a value gets from one name to the next; return the last."""
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        name = next(names)
        wire = random.choice(WIRES + OUTERMOST)
        once = value.endswith("()")
        if once and wire.count("{o}") > 1:
            wire = WIRES[0]
        lines += _filled(wire, {"{v}": name, "{o}": value}).split("\n")
        value = name
        lines += _decoys(random)
    if value.endswith(".read()"):  # used once more below, and the file can be read once
        name = next(names)
        lines.append(f"{name} = {value}")
        return name
    return value


def _decoys(random: Random) -> list[str]:
    return [line for decoy in random.sample(DECOYS, random.choice((0, 0, 0, 1, 2))) for line in decoy.split("\n")]


def _filled(pattern: str, values: dict[str, str]) -> str:
    for place, value in values.items():
        pattern = pattern.replace(place, value)
    return pattern


def _import(name: str) -> str:
    package, _, member = name.partition(".")
    return f"from {package} import {member}" if member else f"import {package}"


def _goes_on(lines: Sequence[str], place: int) -> bool:
    """Return whether a line may not be put here: inside a text of several lines, or before else and the like."""
    inside = sum(line.count('"""') for line in lines[:place]) % 2 == 1
    return inside or lines[place].startswith(("else", "except", "finally", "elif"))


# -- real texts, damaged ------------------------------------------------------------------------------------

_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")
_STRANGE = (
    *("\0", "\x0c", "\ufeff", "\u2028", "\xa0", "é", "π", "漢", "\U0001f600", "\ud800", "\x1a", "\t", "\\", "\r", "\n"),
    *("FILE", "BIN_FILE", "FILE.name", "print ", "`", "<>", "0777", "10L", "ur'x'", "lambda FILE: FILE", "global FILE"),
    *("yield FILE", "return FILE", "del FILE", "FILE = 1", "exec 'x'", "'''", '"""', "(", ")", "[", "]", "{", "}", ":"),
    *("async ", "await ", "nonlocal x", "f'{FILE}'", "b'\\xff'", "*FILE", "**FILE", "@FILE", "with FILE as f:", "... "),
    *("try:", "except:", "else:", "finally:", "raise ", "import dicom", "from x import *", "class FILE:", "\n    "),
)


@cache
def real_texts() -> tuple[str, ...]:
    """Return the procedures that are damaged: those of the rules and of fixtures/procedures."""
    texts = [case.before for case in procedure_rules().cases]
    for path in sorted(CASES.glob("*.toml")):
        texts += [case["source"] for case in tomllib.loads(path.read_bytes().decode("utf-8"))["case"]]
    return tuple(dict.fromkeys(text for text in texts if text.strip()))


def damaged(random: Random) -> str:
    """Return a text that was a procedure, until tokens, lines, indentation or line ends were damaged."""
    text = random.choice(real_texts())
    if random.random() < 1 / 4:
        text += random.choice(real_texts())
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        text = random.choice(_DAMAGE)(random, text)
    return text


def _tokens(random: Random, text: str) -> str:
    tokens = _TOKENS.findall(text) or [""]
    first, second = random.randrange(len(tokens)), random.randrange(len(tokens))
    match random.randrange(4):
        case 0:
            del tokens[first : first + random.randint(1, 3)]
        case 1:
            tokens.insert(first, tokens[second])
        case 2:
            tokens[first], tokens[second] = tokens[second], tokens[first]
        case _:
            tokens[first] = random.choice(_STRANGE)
    return "".join(tokens)


def _strange(random: Random, text: str) -> str:
    place = random.randrange(len(text) + 1)
    return text[:place] + random.choice(_STRANGE) + text[place + random.choice((0, 0, 1, 4)) :]


def _lines(random: Random, text: str) -> str:
    lines = text.split("\n")
    place, other = random.randrange(len(lines)), random.choice(real_texts()).split("\n")
    match random.randrange(4):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, random.choice(other))
        case 2:
            lines.insert(place, random.choice(lines))
        case _:
            random.shuffle(lines)
    return "\n".join(lines)


def _indentation(random: Random, text: str) -> str:
    lines = text.split("\n")
    place = random.randrange(len(lines))
    amount = random.choice((" ", "    ", "\t", "\t    ", "  \t"))
    match random.randrange(3):
        case 0:
            lines[place] = amount + lines[place]
        case 1:
            lines[place] = lines[place].lstrip()
        case _:
            lines = [amount + line for line in lines]
            lines.insert(
                0, random.choice(("if 1:", "for i in FILE:", "def f(FILE):", "class C:", "try:", "while FILE:"))
            )
    return "\n".join(lines)


def _line_ends(random: Random, text: str) -> str:
    return text.replace("\n", random.choice(("\r\n", "\r", "\n\r", "\n\n", "\\\n", ";")))


def _nesting(random: Random, text: str) -> str:
    depth = random.choice((2, 20, 90, 120, 250, 1000))
    opening, closing = random.choice((("(", ")"), ("[", "]"), ("not ", ""), ("-", ""), ("lambda: ", ""), ("f(", ")")))
    place = random.randrange(len(text) + 1)
    if random.random() < 1 / 3:
        return "".join(f"{' ' * level}if x:\n" for level in range(depth)) + " " * depth + text
    return text[:place] + opening * depth + random.choice(("FILE", "1", "x")) + closing * depth + text[place:]


def _cut(random: Random, text: str) -> str:
    return text[: random.randrange(len(text) + 1)]


_DAMAGE = (_tokens, _tokens, _tokens, _strange, _strange, _lines, _lines, _indentation, _line_ends, _nesting, _cut)
