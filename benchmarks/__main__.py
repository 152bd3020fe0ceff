"""Run the benchmarks and print what was seen: ``python -m benchmarks [NAME ...] [--size N] [--runs N]``."""

from __future__ import annotations

from argparse import ArgumentParser
from importlib import import_module

from benchmarks.measuring import machine

NAMES = ("rewriting", "startup", "length", "sqlite_backup")


def main() -> None:
    """Run those that are named, or all."""
    parser = ArgumentParser(prog="python -m benchmarks", description="Ratios, measured here and now, in turn.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument(
        "--size", type=int, help="procedures, processes a run, lines or rows, as the benchmark has them"
    )
    parser.add_argument("--runs", type=int, default=5, help="of which medians are taken (default: %(default)s)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if arguments.runs < 1 or (arguments.size is not None and arguments.size < 1):
        parser.error("--runs and --size must be at least 1")
    print(machine())
    for name in arguments.names or NAMES:
        benchmark = import_module(f"benchmarks.{name}")
        print(f"\n{name}", flush=True)
        for line in benchmark.run(benchmark.SIZE if arguments.size is None else arguments.size, arguments.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
