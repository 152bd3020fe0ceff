"""What preflight remembers of its last run: a file of the user's own, never one of the site.

It holds the checks' ids, severities, messages and places. It is a convenience: that it cannot be read or written is
never an error.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from upgrade_kit.deployment.address import parse_database_url
from upgrade_kit.deployment.whole_file import write_whole
from upgrade_kit.errors import UsageError
from upgrade_kit.model.changes import EarlierRun
from upgrade_kit.report.changes import earlier_run_document, read_earlier_run

STATE_FOLDER = "UPGRADE_KIT_STATE_DIR"
_MOST_BYTES = 32_000_000  # an answer of preflight is a few kilobytes; one of a site with thousands of findings a few MB


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was read.

    Attributes:
        run: the earlier run, or ``None``.
        note: why there is none, for who asks with ``-v``; ``""`` where there simply was none before.
    """

    run: EarlierRun | None
    note: str = ""


def memory_file(
    environment: Mapping[str, str], *, site: str | None, database: str | None, versions: tuple[str | None, str]
) -> Path | None:
    """Return the file that remembers the last run for this site, or ``None`` where there is no place for it.

    The folder is the one that ``UPGRADE_KIT_STATE_DIR`` names, else the system's own for such things. An environment
    that was handed in is all there is: the user's folders are none of it.

    Args:
        environment: of the process, or what stands for it.
        site: the folder that was named, if one was.
        database: the URL that was named, if one was.
        versions: from which version (where that was said) and to which.
    """
    if environment.get(STATE_FOLDER):
        folder = Path(environment[STATE_FOLDER])
    elif environment is os.environ:
        from platformdirs import user_state_path  # noqa: PLC0415 - only where it is asked

        folder = user_state_path("upgrade-kit", appauthor=False)
    else:
        return None
    place = "" if site is None else os.path.normcase(os.path.realpath(site))
    address = "" if database is None else parse_database_url(database, base=Path.cwd()).shown
    what = json.dumps([place, address, *versions])
    return folder / "preflight" / f"{hashlib.sha256(what.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.json"


def recall(file: Path) -> Recalled:
    """Return what is remembered of the last run."""
    try:
        return Recalled(_read(file))
    except FileNotFoundError:
        return Recalled(None)
    except (OSError, ValueError) as error:
        return Recalled(None, f"What was remembered of the last run cannot be read: {file}: {error}")


def remember(file: Path, run: EarlierRun) -> str:
    """Write down a run, whole or not at all. Returns why that could not be done, or ``""``.

    Of two runs that end together the later one stays.
    """
    text = json.dumps(earlier_run_document(run), ensure_ascii=True)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(file, text.encode("ascii"))
    except OSError as error:
        return f"This run cannot be remembered: {file}: {error.strerror or error}"
    return ""


def read_since(name: str) -> EarlierRun:
    """Read an answer that ``preflight --format json --output FILE`` wrote.

    Raises:
        UsageError: it is none, or it cannot be read.
    """
    try:
        return _read(Path(name))
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:
        reason = str(error)
    raise UsageError(f"--since {name}: {reason}", hint="Name a file that preflight --format json --output FILE wrote.")


def _read(file: Path) -> EarlierRun:
    """Read a file of an earlier run.

    Raises:
        OSError: it cannot be read.
        ValueError: it is something else.
    """
    if file.is_dir():
        raise ValueError("it is a folder")
    with file.open("rb") as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES // 1_000_000} MB")
    return read_earlier_run(data)
