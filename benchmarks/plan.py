"""All procedures of a site at once: in this process, and shared by two that have to be started first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.measuring import Way, compared
from benchmarks.procedures import mixed
from upgrade_kit.cli.workers import workers
from upgrade_kit.model.rewrite import Procedure
from upgrade_kit.rewriting.plan import plan_rewrites

SIZE = 10_000
SIZES = (300, 1_000, 3_000)
PROCESSES = 2
UPLOADS = 10  # one test in so many is an upload test; the others are composites


def run(size: int, runs: int) -> Iterator[str]:
    """Measure sites of several sizes, up to ``size`` procedures."""
    plan_rewrites(_site(1))  # the rules are read once in a process
    for count in sorted({size, *(each for each in SIZES if each < size)}):
        yield f"{count} procedures, one in {UPLOADS} of an upload test"
        ways = [Way(name="in this process", work=_planned(_site(count), 1))]
        ways.append(Way(name=f"with {PROCESSES} processes, started anew", work=_planned(_site(count), PROCESSES)))
        yield from compared(ways, runs)


def _planned(site: list[Procedure], processes: int) -> Callable[[int], object]:
    def work(_: int) -> None:
        with workers(processes, len(site)) as executor:
            assert not plan_rewrites(site, executor=executor).notes

    return work


def _site(size: int) -> list[Procedure]:
    return [
        Procedure(
            test_id=number,
            slug=f"test_{number}",
            name=f"Test {number}",
            type="upload" if number % UPLOADS == 0 else "composite",
            source=text.replace("result = ", f"test_{number} = "),
        )
        for number, text in enumerate(mixed(size))
    ]
