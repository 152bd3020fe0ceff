"""What a misspelt word was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable

_LOOK_ALIKE = str.maketrans({"o": "0", "l": "1", "i": "1"})  # read off a sheet, UK201 becomes UK2O1


def nearest(word: str, known: Iterable[str], *, most: int = 2) -> tuple[str, ...]:
    """Return the known words that look like a word, the likeliest first; upper and lower case are the same."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for who has misspelt

    by_lower = {name.lower(): name for name in sorted(known)}
    typed = word.lower().translate(_LOOK_ALIKE)
    alike = [name for name in by_lower if name.translate(_LOOK_ALIKE) == typed]
    return tuple(by_lower[found] for found in (alike or get_close_matches(word.lower(), by_lower, n=most))[:most])


def did_you_mean(word: str, known: Iterable[str], *, most: int = 2) -> str:
    """Return a question that names the likeliest known words, or ``""`` where none is like it."""
    found = nearest(word, known, most=most)
    return f"Did you mean {' or '.join(found)}?" if found else ""
