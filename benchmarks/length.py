"""What a line costs as procedures grow, and texts that are made to be hard."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from statistics import median
from time import process_time

from benchmarks.measuring import Way, in_turn
from benchmarks.procedures import in_a_try, of_length
from upgrade_kit.rewriting.rewrite import rewrite_procedure

SIZE = 20_000  # lines of the longest
LENGTHS = (10, 100, 1_000, 5_000, 10_000)
UNIT = 100  # lines of the procedure whose line is the measure; below it what a call costs at all shows most


def run(size: int, runs: int) -> Iterator[str]:
    """Measure procedures from 10 lines to ``size``, in two shapes, then the hard ones."""
    rewrite_procedure(of_length(UNIT), slug="value")  # the rules are read once in a process, and LibCST imported
    yield f"One procedure, longer and longer; the ratio is the cost of a line to that of one in {UNIT} lines"
    for shape, made in (("one line after the other", of_length), ("nearly all of it in one try", in_a_try)):
        yield f"  {shape}"
        yield from _longer(made, size, runs)
        yield f"  {shape}, while Python's garbage collector waits"
        gc.disable()
        try:
            yield from _longer(made, size, runs)
        finally:
            gc.enable()
    yield "Texts that are made to be hard, once each; they need only end within seconds"
    for title, text in _hard(size):
        said = []
        ((seconds,),) = in_turn([Way(name=title, work=_noting(text, said))], 1, process_time)
        yield f"  {title:<44} {seconds:9.4f} s   {said[0]}"


def _longer(made: Callable[[int], str], size: int, runs: int) -> Iterator[str]:
    lengths = sorted({UNIT, max(size, LENGTHS[0]), *(length for length in LENGTHS if length < size)})
    answers: list[list[str]] = [[] for _ in lengths]
    ways = [
        Way(name=f"{length} lines", work=_noting(made(length), said))
        for length, said in zip(lengths, answers, strict=True)
    ]
    a_line = [median(taken) / length for taken, length in zip(in_turn(ways, runs, process_time), lengths, strict=True)]
    unit = a_line[lengths.index(UNIT)]
    for length, seconds, said in zip(lengths, a_line, answers, strict=True):
        yield (
            f"  {length:6} lines  {seconds * length:9.4f} s   {seconds * 1e6:8.1f} us a line   "
            f"ratio {seconds / unit:5.2f}   {said[0]}"
        )


def _noting(text: str, answers: list[str]) -> Callable[[int], object]:
    return lambda _: answers.append(rewrite_procedure(text, slug="value").outcome.value)


def _hard(size: int) -> Iterator[tuple[str, str]]:
    read = "data = FILE.read()\nimport struct\nresult = struct.unpack('<I', data[:4])[0]\n"
    yield f"a list of {size} numbers", f"{read}table = [{', '.join(map(str, range(size)))}]\n"
    yield f"a text of {size * 40} characters", f"{read}note = '{'x' * (size * 40)}'\n"
    yield f"a sum of {size} terms", f"{read}total = {' + '.join(['1'] * size)}\n"
    yield f"{size} brackets, one in the other", f"{read}value = {'(' * size}1{')' * size}\n"
    yield (
        f"a try of {size // 10} lines",
        "try:\n"
        + "".join(f"    n{n} = {n}\n" for n in range(max(size // 10, 1)))
        + f"except ValueError:\n    pass\n{read}",
    )
    yield f"{size // 2} texts in a list", f"{read}table = [{', '.join(repr(f'leaf {n}') for n in range(size // 2))}]\n"
    yield f"{size // 2} branches", read + "".join(f"if data[{n}:]:\n    n{n} = {n}\n" for n in range(size // 2))
    yield "1,000 calls, one in the other", f"{read}value = {'int(' * 1000}data{')' * 1000}\n"
    yield "a line of 5 MB", read + ";".join(f"x{n} = {n}" for n in range(size * 15)) + "\n"
    yield f"{size // 4} prints of Python 2", "".join(f"print 'step %d' % {n}\n" for n in range(size // 4))
    functions = max(size // 10, 1)
    calls = (f"f{(n * 7 + 1) % functions}(x) + f{(n * 13 + 5) % functions}(x)" for n in range(functions))
    yield (
        f"{functions} functions, each calling two others",
        "".join(f"def f{n}(x):\n    return {call}\n" for n, call in enumerate(calls)) + "result = f0(FILE.read())\n",
    )
    yield "90 lists, one in the other", f"{read}value = {'[' * 90}data{']' * 90}\n"
    yield (
        "90 conditions, one in the other",
        read + "".join(f"{' ' * depth}if data:\n" for depth in range(90)) + f"{' ' * 90}value = data\n",
    )
    yield (
        "18 loops, one in the other",
        read + "".join(f"{' ' * depth}for i{depth} in data:\n" for depth in range(18)) + f"{' ' * 18}value = data\n",
    )
    yield (
        "30 functions, each calling the next twice",
        "".join(f"def f{n}(x):\n    return f{n + 1}(x) + f{n + 1}(x[1:])\n" for n in range(30))
        + "def f30(x):\n    return x\nresult = f0(FILE.read())\n",
    )
    yield (
        "200 names passed round and round in a loop",
        "n0 = FILE.read()\n"
        + "".join(f"n{n} = 0\n" for n in range(1, 200))
        + "for i in range(9):\n"
        + "".join(f"    n{n} = n{n - 1}\n" for n in range(199, 0, -1))
        + "result = n199\n",
    )
