"""Looks into a site's folder of uploads, and asks the database which files should be there. Reads only."""

from __future__ import annotations

import ast
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from time import monotonic

from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import as_text
from upgrade_kit.model.deployment import Settings
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.uploads import Examples, NamedUploads, SiteUploads, UploadedFiles
from upgrade_kit.model.windows_names import impossible_on_windows

LOOKING_SECONDS = 60.0
ATTACHMENT_LENGTH = (
    100  # attachments.0001 (v0.3.0): a FileField without max_length; 0004 makes it 255, which is too late
)

_SHOWN = 5
_ATTACHMENTS = "attachments_attachment"
_MOVED = "0002_auto_20161218_1859"  # attachments: the migration that makes attachments of uploads
_SUSPICIOUS = re.compile(r"\.\.|^[/\\]|[:\x00]")  # without any of these no name leads anywhere


@dataclass(slots=True)
class _Noting:
    """Counts, and keeps the first few."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, what: str) -> None:
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(what.encode("utf-8", "backslashreplace").decode("utf-8"))

    @property
    def examples(self) -> Examples:
        return Examples(count=self.count, first=tuple(self.first))


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadsFolder:
    """The folder of uploads, and the names in it for comparing.

    Attributes:
        uploads: what is known without the database.
        names: the relative path of each plain file, in the form that ``_compared`` gives.
    """

    uploads: SiteUploads
    names: frozenset[str]


def read_uploads_folder(
    settings: Settings, root: Path, *, looking_seconds: float = LOOKING_SECONDS
) -> UploadsFolder | Unobserved:
    """Look into the folder of uploads that the settings lead to.

    ``os.access`` tells what this user may do; on Windows it does not know of access lists, so that there only what
    cannot be listed counts as unreadable.

    Args:
        settings: the settings of the site.
        root: the folder that holds ``manage.py``.
        looking_seconds: how long it may take.
    """
    served = settings.media_root if isinstance(settings.media_root, Unobserved) else settings.media_root / "uploads"
    folder = _folder_named(settings, "UPLOAD_ROOT", root, served)
    if isinstance(folder, Unobserved):
        return Unobserved(f"the uploads folder cannot be found: {folder.reason}")
    staging = _folder_named(settings, "TMP_UPLOAD_ROOT", root, folder / "tmp")
    looking = _Looking(folder, staging, monotonic() + looking_seconds)
    try:
        exists = stat.S_ISDIR(folder.stat().st_mode)
        files = looking.files(looking_seconds) if exists else UploadedFiles(count=0, bytes=0, newest=None)
    except (FileNotFoundError, NotADirectoryError):
        exists, files = False, UploadedFiles(count=0, bytes=0, newest=None)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        exists, files = False, Unobserved(f"{folder} cannot be looked into: {reason}")
    unread = Unobserved("the database was not asked which files should be there", asked=False)
    uploads = SiteUploads(
        folder=folder,
        served=served,
        staging=staging,
        exists=exists,
        files=files,
        named=unread,
        in_its_place=None if exists or isinstance(files, Unobserved) else what_stands_in_the_way(folder),
    )
    return UploadsFolder(uploads=uploads, names=frozenset(looking.names))


def what_stands_in_the_way(folder: Path) -> Path | None:
    """Return what is where a folder, or one above it, should be and is none; ``None`` where nothing is there."""
    nearest = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), None)
    return None if nearest is None or nearest.is_dir() else nearest


def read_named_uploads(session: Session, found: UploadsFolder) -> NamedUploads:
    """Ask a database which uploaded files there should be, and compare them with a folder.

    Up to 0.2.9 the name stands in ``string_value`` of the instances of upload tests, and the file is below the id of
    its test list instance. The migration attachments.0002 goes through the same rows.

    Raises:
        DatabaseError: a table or a column is not there, or may not be read.
    """
    missing, outside, too_long = _Noting(), _Noting(), _Noting()
    count = 0
    with session.transaction():
        tables = set(session.table_names())
        moved = _ATTACHMENTS in tables and _is_moved(session, tables)
        for name, shown, new_length in _attachments(session, found.uploads) if moved else _test_instances(session):
            count += 1
            if leads_out(name):
                outside.add(shown)
            elif _compared(name) not in found.names:
                missing.add(shown)
            if new_length > ATTACHMENT_LENGTH and session.vendor != "sqlite":  # which holds a text of any length
                too_long.add(shown)
    return NamedUploads(count=count, missing=missing.examples, outside=outside.examples, too_long=too_long.examples)


def leads_out(name: str) -> bool:
    """Tell whether a relative name leads out of its folder, on Windows or elsewhere."""
    if not _SUSPICIOUS.search(name):
        return False
    windows, posix = PureWindowsPath(name), PurePosixPath(name)
    return bool(windows.anchor or posix.anchor or ".." in windows.parts or "\0" in name)


def _is_moved(session: Session, tables: set[str]) -> bool:
    """Tell whether attachments.0002 was run, so that uploads are attachments."""
    if "django_migrations" not in tables:
        return False
    rows = session.select("django_migrations", "app", "name")
    return any(as_text(app) == "attachments" and as_text(name) == _MOVED for app, name in rows)


def _test_instances(session: Session) -> Iterator[tuple[str, str, int]]:
    """Return the path of each upload in the folder, how it is shown, and how long its name as an attachment will be."""
    of = session.column
    key, value = of("qa_testinstance", "id"), of("qa_testinstance", "string_value")
    instance, test = session.quote("qa_testinstance"), session.quote("qa_test")
    info = session.quote("qa_unittestinfo")
    sql = (
        f"SELECT {key}, {of('qa_testinstance', 'test_list_instance_id')}, {value} FROM {instance}"  # noqa: S608 - quoted
        f" JOIN {info} ON {of('qa_unittestinfo', 'id')} = {of('qa_testinstance', 'unit_test_info_id')}"
        f" JOIN {test} ON {of('qa_test', 'id')} = {of('qa_unittestinfo', 'test_id')}"
        f" WHERE {of('qa_test', 'type')} = %s AND {value} IS NOT NULL AND {value} <> ''"
    )
    for batch in session.batches(sql, ("upload",)):
        for test_instance, test_list_instance, text in batch:
            name = as_text(text)
            # An absolute name takes the place of the folder, as it does in os.path.join.
            path = name if leads_out(name) else f"{test_list_instance}/{name}"
            last = re.split(r"[/\\]", name)[-1]
            new = f"uploads/testinstance/{test_instance}/{last}"
            yield path, f"{test_list_instance}/{name} (test instance {test_instance})", len(new)


def _attachments(session: Session, uploads: SiteUploads) -> Iterator[tuple[str, str, int]]:
    key, path_column = session.column(_ATTACHMENTS, "id"), session.column(_ATTACHMENTS, "attachment")
    sql = f"SELECT {key}, {path_column} FROM {session.quote(_ATTACHMENTS)}"  # noqa: S608 - quoted
    for batch in session.batches(sql):
        for number, text in batch:
            name = as_text(text).replace("\\", "/")
            # Relative to MEDIA_ROOT; what is not in its folder uploads is not looked for.
            path = name.removeprefix(f"{uploads.folder.name}/")
            yield path, f"{name} (attachment {number})", 0


class _Looking:
    """One walk through the folder."""

    def __init__(self, folder: Path, staging: Path | Unobserved, deadline: float) -> None:
        self._folder = folder
        self._staging = staging
        self._deadline = deadline
        self._unreadable, self._links, self._impossible = _Noting(), _Noting(), _Noting()
        self._asks_access = os.name == "posix"
        self.names: set[str] = set()

    def files(self, seconds: float) -> UploadedFiles | Unobserved:
        count = total = 0
        newest = 0.0
        for name, path, status in self._walk():
            count, total, newest = count + 1, total + status.st_size, max(newest, status.st_mtime)
            self.names.add(_compared(name))
            if self._asks_access and not os.access(path, os.R_OK):
                self._unreadable.add(name)
            if monotonic() > self._deadline:
                return Unobserved(f"looking into {self._folder} took longer than {seconds:g} s")
        return UploadedFiles(
            count=count,
            bytes=total,
            newest=_moment(newest) if count else None,
            unreadable=self._unreadable.examples,
            unwritable=self._unwritable(),
            links=self._links.examples,
            impossible=self._impossible.examples,
        )

    def _walk(self) -> Iterator[tuple[str, str, os.stat_result]]:
        """Return name, path and status of each plain file; links are not followed, so nothing has no end."""
        waiting = [""]
        while waiting:
            inside = waiting.pop()
            try:
                with os.scandir(self._folder / inside if inside else self._folder) as entries:
                    for entry in entries:
                        name = f"{inside}/{entry.name}" if inside else entry.name
                        if impossible_on_windows(entry.name):
                            self._impossible.add(name)
                        if _is_link(entry):
                            self._link(name)
                        elif entry.is_dir(follow_symlinks=False):
                            waiting.append(name)
                        elif entry.is_file(follow_symlinks=False):
                            yield name, entry.path, entry.stat(follow_symlinks=False)
            except OSError as error:
                if not inside:
                    raise
                self._unreadable.add(f"{inside} ({error.strerror or error})")

    def _link(self, name: str) -> None:
        """Note a link that leads out of the folder; the file behind another counts as being there."""
        target = Path(os.path.realpath(self._folder / name))
        if not target.is_relative_to(os.path.realpath(self._folder)) or not target.exists():
            self._links.add(f"{name} -> {target}")
        if target.is_file():
            self.names.add(_compared(name))

    def _unwritable(self) -> Examples:
        """Return the folders that the migration makes others in, and that this user may not write to."""
        noted = _Noting()
        staging = () if isinstance(self._staging, Unobserved) else (self._staging,)
        for folder in (self._folder, self._folder / "testinstance", *staging):
            if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
                noted.add(str(folder))
        return noted.examples


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a symbolic link, or a junction, which Windows makes of folders."""
    if entry.is_symlink():
        return True
    tag = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    return tag is not None and getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == tag


def _compared(name: str) -> str:
    """Return a relative path in the one form in which two are compared: Windows does not tell capitals apart."""
    return os.path.normcase(name).replace("\\", "/") if os.name == "nt" else name


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _folder_named(settings: Settings, name: str, root: Path, default: Path | Unobserved) -> Path | Unobserved:
    """Return the folder that a setting names; the default where no file sets it."""
    for unknown, why in settings.unknown:
        if unknown == name:
            return why
    for known, text, where in settings.values:
        if known == name:
            try:
                value = ast.literal_eval(text)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                value = None
            if not isinstance(value, str) or not value or "\0" in value:
                return Unobserved(f"{name} is not a path ({where})")
            return Path(os.path.normpath(root / value))
    return default
