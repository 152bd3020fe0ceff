"""A word of a command as it is to be typed."""

from __future__ import annotations

import re

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:=+,@%~-]+|[A-Za-z]:[A-Za-z0-9_.\\/-]+")
_WINDOWS_PATH = re.compile(r"""(?:[A-Za-z]:|\\\\)[^$`"!]*""")


def quoted(word: str) -> str:
    """Return a word so that PowerShell and bash take it literally.

    A Windows path gets the quotes that cmd knows too, unless it holds what PowerShell would replace in them.
    """
    if _PLAIN_WORD.fullmatch(word):
        return word
    return f'"{word}"' if "'" in word or _WINDOWS_PATH.fullmatch(word) else f"'{word}'"
