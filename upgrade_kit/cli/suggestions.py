"""What argparse refuses, and what was perhaps meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from upgrade_kit.model.nearest import did_you_mean

_CHOICE = re.compile(r"invalid choice: '(?P<word>.*)' \(choose from (?P<choices>.*)\)$", re.DOTALL)
_UNKNOWN = re.compile(r"unrecognized arguments: (?P<words>.*)$", re.DOTALL)


def suggestion(message: str, options: Iterable[str]) -> str:
    """Return a question that names what was perhaps meant, or ``""``.

    Args:
        message: of argparse.
        options: those of the command that is named.
    """
    if (choice := _CHOICE.search(message)) is not None:
        return did_you_mean(choice["word"], [word.strip("' ") for word in choice["choices"].split(",")])
    if (unknown := _UNKNOWN.search(message)) is None:
        return ""
    typed = next((word for word in unknown["words"].split() if word.startswith("--")), None)
    return "" if typed is None else did_you_mean(typed.partition("=")[0], [word for word in options if "--" in word])
