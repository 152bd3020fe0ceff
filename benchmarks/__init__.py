"""Whole-work measurements beside the tools that a person would otherwise take. Run: ``python -m benchmarks``."""
