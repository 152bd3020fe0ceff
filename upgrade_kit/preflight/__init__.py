"""Checks of a site before its upgrade. Pure: facts in, findings out."""
