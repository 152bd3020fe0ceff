"""Looks at an upgraded site: asks for its page, counts its rows, and has its procedures compiled. Only reads."""

from __future__ import annotations

import http.client
import json
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from packaging.version import InvalidVersion, Version

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.asking import ask
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.deployment.manifests import is_of, manifests_in
from upgrade_kit.errors import DatabaseError, UsageError
from upgrade_kit.model.backup import Backup
from upgrade_kit.model.rewrite import Procedure
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.verification import Compiled, Page, RowsThen

_PAGE_SECONDS = 30.0
_PAGE_BYTES = 1024 * 1024
_COMPILE_SECONDS = 120.0
_SHOWN = 50
_PASSWORD_FIELD = re.compile(rb"""<input[^>]*\btype\s*=\s*["']?password\b""", re.IGNORECASE)
_QATRACK = re.compile(rb"QATrack\+", re.IGNORECASE)

# Runs under the target's Python, 2.7 to 3.x. It compiles, as the application does before it runs a procedure
# (qatrack/qa/views/perform.py), and stops there.
_COMPILE = r"""
import io, json, sys
with io.open(sys.argv[1], encoding="utf-8") as stream:
    procedures = json.load(stream)
refused = []
for slug, text in procedures:
    text = "\n".join(["from __future__ import division", text, "\n"]).replace("\r", "\n")
    try:
        compile(text, "<procedure>", "exec")
    except Exception as error:
        line = getattr(error, "lineno", None)
        where = " (line %d)" % (line - 1) if line else ""
        refused.append([slug, "%s: %s%s" % (type(error).__name__, getattr(error, "msg", error), where)])
said = {"version": "%d.%d.%d" % sys.version_info[:3], "count": len(refused), "refused": refused[:50]}
print(json.dumps(said))
"""


def look_at_page(url: str) -> Page:
    """Ask for a page, by no proxy, and say what came back.

    Args:
        url: ``http://`` or ``https://``.

    Raises:
        UsageError: it is no such address.
    """
    try:
        parts = urlsplit(url)
        has_place = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_place = False
    if not has_place:
        raise UsageError(f"--url {url}: this is no address of a page", hint="Write it so: http://localhost:8080/")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_PAGE_SECONDS) as answer:
            return _page(url, answer.status, answer.geturl(), answer.read(_PAGE_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return Page(url=url, problem=f"the answer is {error.code} {error.reason}", status=error.code)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Page(url=url, problem=f"nothing answers: {reason}")


def _page(url: str, status: int, ended_at: str, body: bytes) -> Page:
    return Page(
        url=url,
        problem="",
        status=status,
        ended_at=ended_at,
        asks_for_password=_PASSWORD_FIELD.search(body) is not None,
        is_qatrack=_QATRACK.search(body) is not None,
    )


def count_rows(address: DatabaseAddress) -> tuple[tuple[str, int], ...] | Unobserved:
    """Return how many rows each table has, or why that is not known."""
    try:
        with open_database(address) as session, session.transaction():
            return database_fingerprint(session).rows
    except DatabaseError as error:
        return Unobserved(str(error))


def rows_of_backups(
    folders: Sequence[Path], address: DatabaseAddress, before: Version, *, every: bool
) -> tuple[RowsThen, ...] | Unobserved:
    """Return what verified backups of a database tell of the time before a version.

    Args:
        folders: where to look.
        address: of the database.
        before: the version that it has now.
        every: whether each such backup counts, or the newest alone.
    """
    found: list[tuple[RowsThen, Backup]] = []
    for path, backup in manifests_in(folders):
        if not isinstance(backup, Backup) or not is_of(backup.made, address):
            continue
        try:
            version = Version(backup.made.site_version)
        except InvalidVersion:
            continue
        if version < before:
            found.append((RowsThen(manifest=path, version=version, rows=backup.made.content.rows), backup))
    if not found:
        names = ", ".join(map(str, folders)) or "no folder"
        return Unobserved(
            f"no verified backup of this database from before {before} was found in {names}; --backup names another"
        )
    if not every:
        found = [max(found, key=lambda pair: pair[1].made.created_at)]
    found.sort(key=lambda pair: (pair[0].version, pair[1].made.created_at))
    return tuple(rows for rows, _ in found)


def compile_with(
    python: Path, procedures: Sequence[Procedure], environment: Mapping[str, str] | None = None
) -> Compiled | Unobserved:
    """Have an interpreter compile procedures, and return what it says, or why it says nothing. None is run.

    Args:
        python: the interpreter.
        procedures: those to compile; one without a text is passed over.
        environment: of the interpreter; ``None`` for this process's own.
    """
    texts = [(procedure.slug, procedure.source) for procedure in procedures if procedure.source is not None]
    with tempfile.TemporaryDirectory(prefix="upgrade-kit-") as folder:
        file = Path(folder) / "procedures.json"
        file.write_text(json.dumps(texts), encoding="utf-8")
        answer = ask(
            [python, "-c", _COMPILE, file],
            timeout_seconds=_COMPILE_SECONDS,
            environment=environment,
            folder=Path(folder),
        )
    if isinstance(answer, Unobserved):
        return Unobserved(f"{python} {answer.reason}")
    try:
        said = json.loads(answer.last_line)
        refused = tuple((str(slug), str(reason)) for slug, reason in said["refused"])
        version, count = Version(said["version"]), int(said["count"])
    except (ValueError, KeyError, TypeError):
        return Unobserved(f"{python} ended with status {answer.status}: {answer.last_line}")
    if count > len(refused):
        refused = (*refused, ("...", f"{count - len(refused)} more"))
    return Compiled(python=python, version=version, seen=len(texts), refused=refused)
