"""What the words in braces stand for: ``{site}`` and the like in the rules of a hop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

# One text each.
PLACEHOLDERS = frozenset(
    (
        "backups",  # folder of the backups, in the work folder
        "database_size",  # in words
        "django",  # the Django of the hop's target
        "environment",  # folder of the virtual environment in which the hop's target runs
        "from",  # version where the hop starts
        "from_tag",  # its git tag
        "kept",  # folder for copies of files, in the work folder
        "log",  # migrate.log
        "logs",  # folder of logs and journals, in the work folder
        "port",  # on which the site is served
        "python",  # the environment's own Python
        "remote",  # the git repository to fetch from
        "service",  # name of the Windows service that runs the site now
        "settings",  # local_settings.py
        "site",  # folder of the checkout
        "tag",  # git tag of the hop's target
        "to",  # version where the hop ends
        "uploads_size",  # in words
    )
)
# Any number of words each.
LISTS = frozenset(
    (
        "asked",  # --python PATH, where the user named one
        "database",  # --database URL, where the settings do not lead to it
        "tags",  # tag NAME for each release of the path that is still to come
        "interpreter",  # what starts the Python of which the new environment is made
    )
)
_NAME = re.compile(r"\{([a-z_]+)\}")


def names_in(text: str) -> Iterator[str]:
    """Return the names of the placeholders in a text."""
    return (match[1] for match in _NAME.finditer(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled in."""
    return _NAME.sub(lambda match: values[match[1]], text)


def fill_word(word: str, values: Mapping[str, str], lists: Mapping[str, tuple[str, ...]], separator: str) -> list[str]:
    """Return the words that one word of a rule stands for.

    Args:
        word: as it stands in the rule.
        values: of the placeholders that are one text.
        lists: of those that are any number of words.
        separator: what the system writes between folders, instead of the rule's ``/``.
    """
    if word.startswith("{") and (listed := lists.get(word[1:-1])) is not None:
        return list(listed)
    return [fill(word if "://" in word else word.replace("/", separator), values)]
