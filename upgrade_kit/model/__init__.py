"""Frozen values that the rooms hand to each other. No input, no output, no decisions."""
