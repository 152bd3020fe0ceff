"""Every benchmark runs; what it measures is for a person to read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "size"), [("rewriting", 20), ("startup", 1), ("length", 10), ("sqlite_backup", 100)])
def test_a_benchmark_runs_at_a_very_small_size_and_prints_ratios(name: str, size: int) -> None:
    command = [sys.executable, "-m", "benchmarks", name, "--size", str(size), "--runs", "1"]

    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert name in printed.splitlines()
    assert "ratio" in printed


def test_a_benchmark_that_does_not_exist_is_told_with_those_that_do() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nosuch"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert asked.returncode == 2
    assert "nosuch" in asked.stderr
    assert "sqlite_backup" in asked.stderr
