"""A word of a command as it is to be typed."""

from __future__ import annotations

import re
import shlex

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:=+,@%~-]+|[A-Za-z]:[A-Za-z0-9_.\\/-]+")
_WINDOWS_PATH = re.compile(r"""(?:[A-Za-z]:|\\\\)[^$`"!]*""")
_ON_WINDOWS = re.compile(r"[A-Za-z]:|\\\\")
_REPLACED = re.compile(r"""[$`"!]""")


def quoted(word: str) -> str:
    """Return a word so that PowerShell and bash take it literally.

    A Windows path gets the quotes that cmd knows too, unless it holds what PowerShell would replace in them.
    """
    if _PLAIN_WORD.fullmatch(word):
        return word
    if "'" in word and _REPLACED.search(word):  # no quotes mean the same in both shells
        return "'" + word.replace("'", "''") + "'" if _ON_WINDOWS.match(word) else shlex.quote(word)
    return f'"{word}"' if "'" in word or _WINDOWS_PATH.fullmatch(word) else f"'{word}'"


def giving_the_right_to_write(folder: object) -> tuple[str, str]:
    """Return what gives a folder to the user that types it: a line for PowerShell and one for bash."""
    word = quoted(str(folder))
    return f'icacls {word} /grant "$($env:USERNAME):(OI)(CI)M" /T', f"sudo chown -R $(id -un) {word}"
