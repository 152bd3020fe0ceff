"""Run the benchmarks and print what was seen: ``python -m benchmarks [NAME ...] [--size N] [--runs N]``.

``python -m benchmarks fuzz [--texts N] [--jobs N]`` looks for a text that the kit answers wrongly, and
``python -m benchmarks decisions`` writes docs/decisions.md.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from importlib import import_module

from benchmarks import decisions, fuzz
from benchmarks.measuring import machine

NAMES = ("rewriting", "plan", "startup", "length", "sqlite_backup", "json_backup", "postgresql_restore")
OWN = ("fuzz", "decisions")


def main() -> None:
    """Run those that are named, or all."""
    parser = ArgumentParser(prog="python -m benchmarks", description="Ratios, measured here and now, in turn.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(NAMES)} (default: all these), or one of {', '.join(OWN)}",
    )
    parser.add_argument(
        "--size", type=int, help="procedures, processes a run, lines or rows, as the benchmark has them"
    )
    parser.add_argument("--runs", type=int, default=5, help="of which medians are taken (default: %(default)s)")
    parser.add_argument("--texts", type=int, default=fuzz.SIZE, help="fuzz: how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="fuzz: which (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="fuzz: processes (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.names == ["fuzz"]:
        _print(fuzz.run(arguments.texts, arguments.jobs, seed=arguments.seed))
        return
    if arguments.names == ["decisions"]:
        _print(decisions.run())
        return
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if arguments.runs < 1 or (arguments.size is not None and arguments.size < 1):
        parser.error("--runs and --size must be at least 1")
    print(machine())
    for name in arguments.names or NAMES:
        benchmark = import_module(f"benchmarks.{name}")
        print(f"\n{name}", flush=True)
        _print(benchmark.run(benchmark.SIZE if arguments.size is None else arguments.size, arguments.runs))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
