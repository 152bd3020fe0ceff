"""Every benchmark runs; what it measures is for a person to read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "size"), [("rewriting", 20), ("plan", 20), ("startup", 1), ("length", 10), ("sqlite_backup", 100)]
)
def test_a_benchmark_runs_at_a_very_small_size_and_prints_ratios(name: str, size: int) -> None:
    command = [sys.executable, "-m", "benchmarks", name, "--size", str(size), "--runs", "1"]

    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert name in printed.splitlines()
    assert "ratio" in printed


def test_a_thousand_texts_built_of_parts_or_damaged_are_answered_rightly() -> None:
    """``python -m benchmarks fuzz --texts 1000000`` goes on from here."""
    command = [sys.executable, "-m", "benchmarks", "fuzz", "--texts", "1000", "--seed", "7"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1000 texts" in done.stdout


def test_the_report_of_decisions_is_of_these_cases() -> None:
    """A few more or fewer are no harm: ``python -m benchmarks decisions`` writes it anew."""
    report = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.splitlines() if line.startswith("| ")]
    told = {row[0]: [int(figure) for figure in row[1:]] for row in rows[1:]}
    cases = sum(path.read_bytes().count(b"[[case]]") for path in (ROOT / "fixtures" / "procedures").glob("*.toml"))
    real = sum(figures[0] for kind, figures in told.items() if kind.startswith("upload tests of"))

    assert told["**all**"] == [sum(column) for column in zip(*list(told.values())[:-1], strict=True)]
    assert told["**all**"][4] == 0, "decided wrong"
    assert abs(told["**all**"][0] - real - cases) <= cases / 5


def test_a_benchmark_that_does_not_exist_is_told_with_those_that_do() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nosuch"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert asked.returncode == 2
    assert "nosuch" in asked.stderr
    assert "sqlite_backup" in asked.stderr
