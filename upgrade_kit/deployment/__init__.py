"""Reads a site, and writes the one thing that the kit writes to it: calculation procedures."""
