"""Copies a site's uploaded files into one archive, proves it, and unpacks it again.

The archive is a plain zip, so that anybody can look into it; its last entry lists every file with its own name,
size and SHA-256. A zip cannot hold every name that a file system can: such a file is stored under a name that
it can hold, and the listing knows both.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from upgrade_kit.backup.method import Progress
from upgrade_kit.backup.names import file_errors
from upgrade_kit.deployment.manifests import file_sha256
from upgrade_kit.deployment.whole_file import PARTIAL, sync_folder
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Uploads
from upgrade_kit.model.windows_names import impossible_on_windows

LISTING = "upgrade-kit-listing.json"
INSIDE = "uploads"

_CHUNK = 1 << 20
_LEVEL = 1  # images and logs shrink nearly as much as at higher levels, several times faster
_FIRST_YEAR, _LAST_YEAR = 1980, 2107  # that a zip can hold
_AWKWARD = re.compile(r"[\ud800-\udfff\\\x00-\x1f%]")
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, KeyError),
    *(NotImplementedError, RuntimeError),  # a compression or an encryption that only another's zip has
)
_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One file of an archive: its own name with ``/``, the name in the zip, bytes, digest, time."""

    name: str
    stored: str
    bytes: int
    sha256: str
    modified: float


def copy_uploads(folder: Path, partial: Path, file: Path, progress: Progress | None = None) -> Uploads:
    """Write the files below a folder into an archive.

    Links are not followed. What cannot be read, vanishes or changes meanwhile is told in the answer, file
    by file, and the rest is copied all the same.

    Args:
        folder: the uploads folder of the site.
        partial: the archive to write; exists, empty, for the owner alone.
        file: the final name that the answer tells.
        progress: told bytes done and bytes in all.

    Raises:
        BackupError: the archive cannot be written, or the folder not be read at all.
    """
    with file_errors(folder):
        os.scandir(folder).close()
    missing: list[str] = []
    changed: list[str] = []
    entries: list[_Entry] = []
    found = sorted(_files(folder, missing))
    total, done, taken = sum(size for _, size in found), 0, {LISTING}
    with file_errors(partial), partial.open("r+b") as raw:
        with _archive(raw) as archive:
            for name, size in found:
                try:
                    source, before = _open(folder / name)
                except _UnreadableError as error:
                    missing.append(f"{name}: {error}")
                    continue
                with source:
                    stored = _stored(name, taken)
                    entry, failed = _copy(archive, source, name, stored, before)
                    now = os.fstat(source.fileno())
                if failed:
                    missing.append(f"{name}: only {entry.bytes} bytes could be read: {failed}")
                elif entry.bytes != before.st_size or _stamp(now) != _stamp(before):
                    changed.append(name)
                entries.append(entry)
                done += size
                if progress is not None:
                    progress(done, total)
            with archive.open(LISTING, "w") as listing:
                listing.write(_listing(entries))
        raw.flush()
        os.fsync(raw.fileno())
    with file_errors(partial):
        return Uploads(
            file=file,
            size_bytes=partial.stat().st_size,
            sha256=file_sha256(partial),
            files=len(entries),
            bytes=sum(entry.bytes for entry in entries),
            missing=tuple(missing),
            changed=tuple(changed),
        )


def uploads_bytes(folder: Path) -> int:
    """Return the bytes of the files below a folder, as far as they can be seen."""
    return sum(size for _, size in _files(folder, []))


def prove_uploads(uploads: Uploads, file: Path | None = None, progress: Progress | None = None) -> tuple[str, ...]:
    """Read an archive whole and compare every file in it with the listing and with what is said of it.

    Args:
        uploads: what is said of it.
        file: where it is, if not yet under its final name.
        progress: told bytes done and bytes in all.

    Raises:
        BackupError: it is not what is said of it, or cannot be read.
    """
    path = file or uploads.file
    try:
        if path.stat().st_size != uploads.size_bytes or file_sha256(path) != uploads.sha256:
            raise BackupError(f"{path}: altered since it was made: its size or SHA-256 differs", hint=_MAKE_ANOTHER)
    except OSError as error:
        raise BackupError(
            f"{path}: the archive of the uploads cannot be read ({error.strerror})",
            hint="Keep backup, uploads and manifest in one folder.",
        ) from error
    count = total = 0
    with closing(_read(path)) as files:
        for entry, pieces in files:
            digest, size = hashlib.sha256(), 0
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
            if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
                raise BackupError(f"{path}: {entry.name} differs from what the listing says", hint=_MAKE_ANOTHER)
            count, total = count + 1, total + size
            if progress is not None:
                progress(total, uploads.bytes)
    if (count, total) != (uploads.files, uploads.bytes):
        raise BackupError(
            f"{path}: holds {count} files with {total} bytes; the manifest says {uploads.files} with {uploads.bytes}",
            hint=_MAKE_ANOTHER,
        )
    if count == 1:
        return (f"The one uploaded file ({total} bytes) was read back from its archive; its SHA-256 agrees.",)
    return (f"All {count} uploaded files ({total} bytes) were read back from their archive; each SHA-256 agrees.",)


def check_free(folder: Path) -> None:
    """Refuse a folder that uploads cannot be unpacked to: only one that is not there yet, or empty, can.

    Raises:
        BackupError: it holds something, is a link or no folder, or cannot be made.
    """
    with file_errors(folder):
        if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())):
            raise BackupError(
                f"{folder}: is there and not an empty folder; nothing was changed",
                hint="Move it away, or name a folder that does not exist yet with --uploads-to.",
            )
        if not folder.absolute().parent.is_dir():
            raise BackupError(
                f"{folder.absolute().parent}: there is no such folder; nothing was changed",
                hint="Make it, or name another with --uploads-to.",
            )


def restore_uploads(uploads: Uploads, folder: Path, progress: Progress | None = None) -> str:
    """Unpack an archive into a folder that does not exist yet, or is empty; return what was done.

    The folder appears under its name when everything in it has been written and compared.

    Raises:
        BackupError: the folder holds something, cannot be written, or the archive is damaged.
    """
    folder = folder.absolute()
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{PARTIAL}")
    check_free(folder)
    with file_errors(folder):
        try:
            partial.mkdir()
            done = 0
            with closing(_read(uploads.file)) as files:
                for entry, pieces in files:
                    done += _unpack(entry, pieces, partial, uploads.file)
                    if progress is not None:
                        progress(done, uploads.bytes)
            check_free(folder)
            if folder.exists():
                shutil.copymode(folder, partial)
                if os.name == "nt":  # elsewhere a folder takes the place of an empty one
                    folder.rmdir()
            partial.rename(folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return f"{uploads.files} uploaded files were unpacked to {folder}, and each SHA-256 compared."


# --- Reading the site --------------------------------------------------------------------------------


class _UnreadableError(Exception):
    """A file cannot be copied; the message says why."""


def _files(folder: Path, missing: list[str]) -> Iterator[tuple[str, int]]:
    """Return the relative name and the size of each plain file; note what is none, or cannot be looked into."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(folder / inside) as listed:
                entries = list(listed)
        except OSError as error:
            missing.append(f"{inside}: the folder cannot be read: {error.strerror or error}")
            continue
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            try:
                if entry.is_symlink() or _is_junction(entry):
                    missing.append(f"{name}: a link, not followed")
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                elif entry.is_file(follow_symlinks=False):
                    yield name, entry.stat(follow_symlinks=False).st_size
                else:
                    missing.append(f"{name}: no plain file")
            except OSError as error:
                missing.append(f"{name}: {error.strerror or error}")


def _is_junction(entry: os.DirEntry[str]) -> bool:
    tag = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    return tag is not None and getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == tag


def _open(path: Path) -> tuple[IO[bytes], os.stat_result]:
    """Open a plain file; one that has become a link or a pipe meanwhile is not waited for."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        source = os.fdopen(os.open(path, flags), "rb")
    except OSError as error:
        raise _UnreadableError(error.strerror or str(error)) from error
    status = os.fstat(source.fileno())
    if not stat.S_ISREG(status.st_mode):
        source.close()
        raise _UnreadableError("no plain file")
    return source, status


@contextmanager
def _archive(raw: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    archive = zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
    try:
        yield archive
    except BaseException:
        archive.fp = None  # no end is written to what is about to be removed: with a half-written file it cannot be
        raise
    archive.close()


def _copy(
    archive: zipfile.ZipFile, source: IO[bytes], name: str, stored: str, status: os.stat_result
) -> tuple[_Entry, str]:
    """Copy one file; return what was copied, and why it is not all, or ``""``."""
    info = zipfile.ZipInfo(stored, _zip_time(status.st_mtime))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    digest, size, failed = hashlib.sha256(), 0, ""
    with archive.open(info, "w", force_zip64=True) as target:
        while size < status.st_size:  # a file that grows faster than it is read would have no end
            try:
                piece = source.read(min(_CHUNK, status.st_size - size))
            except OSError as error:
                failed = error.strerror or str(error)
                break
            if not piece:
                break
            target.write(piece)
            digest.update(piece)
            size += len(piece)
    entry = _Entry(name=name, stored=stored, bytes=size, sha256=digest.hexdigest(), modified=status.st_mtime)
    return entry, failed


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _stored(name: str, taken: set[str]) -> str:
    """Return a free name that a zip can hold and that means the same on every system."""
    plain = f"{INSIDE}/{_AWKWARD.sub(lambda found: f'%{ord(found[0]):04X}', name)}"
    stored, number = plain, 1
    while stored in taken:
        number += 1
        stored = f"{plain}%{number}"
    taken.add(stored)
    return stored


def _zip_time(moment: float) -> tuple[int, int, int, int, int, int]:
    try:
        when = datetime.fromtimestamp(moment, UTC)
    except (OverflowError, ValueError, OSError):
        when = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
    if not _FIRST_YEAR <= when.year <= _LAST_YEAR:
        when = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
    return when.year, when.month, when.day, when.hour, when.minute, when.second


def _listing(entries: list[_Entry]) -> bytes:
    """Return the listing as JSON in ASCII, in which every name can be written."""
    files = [
        {
            "name": entry.name,
            "stored": entry.stored,
            "bytes": entry.bytes,
            "sha256": entry.sha256,
            "modified": entry.modified,
        }
        for entry in entries
    ]
    return json.dumps({"schema": 1, "files": files}, indent=1).encode("ascii")


# --- Reading an archive ------------------------------------------------------------------------------


def _read(path: Path) -> Generator[tuple[_Entry, Iterator[bytes]], None, None]:
    """Return each file of an archive as the listing names it, with its bytes piece by piece.

    Raises:
        BackupError: the archive or its listing is damaged, or holds what is not listed.
    """
    with _told(path):
        archive = zipfile.ZipFile(path)
    with archive:
        entries = _read_listing(path, archive)
        unlisted = set(archive.namelist()) - {entry.stored for entry in entries} - {LISTING}
        if unlisted:
            raise _damaged(path, f"{min(unlisted)} is not listed")
        for entry in entries:
            with closing(_pieces(path, archive, entry.stored)) as pieces:
                yield entry, pieces


def _pieces(path: Path, archive: zipfile.ZipFile, stored: str) -> Generator[bytes, None, None]:
    with _told(path), archive.open(stored) as source:
        while piece := source.read(_CHUNK):
            yield piece


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what zipfile says of a damaged archive inside the block into a ``BackupError``."""
    try:
        yield
    except _ZIP_ERRORS as error:
        raise _damaged(path, str(error) or type(error).__name__) from error


def _read_listing(path: Path, archive: zipfile.ZipFile) -> list[_Entry]:
    try:
        with _told(path):
            document = json.loads(archive.read(LISTING))
        return [
            _Entry(
                name=str(item["name"]),
                stored=str(item["stored"]),
                bytes=int(item["bytes"]),
                sha256=str(item["sha256"]),
                modified=float(item["modified"]),
            )
            for item in document["files"]
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path, "its listing cannot be read") from error


def _unpack(entry: _Entry, pieces: Iterator[bytes], folder: Path, archive: Path) -> int:
    parts = entry.name.split("/")
    _refuse_name(entry.name, parts, archive)
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != entry.sha256:
        raise _damaged(archive, f"{entry.name} differs from what the listing says")
    with suppress(OSError, OverflowError, ValueError):  # a time is not worth a restore
        os.utime(target, (entry.modified, entry.modified))
    return entry.bytes


def _refuse_name(name: str, parts: Sequence[str], archive: Path, *, system: str = os.name) -> None:
    """Refuse a name that leads elsewhere, or under which Windows would keep the file elsewhere, without a word.

    Raises:
        BackupError: it is one.
    """
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise _damaged(archive, f"{name!r} is no name of a file in a folder")
    if system == "nt" and any(map(impossible_on_windows, parts)):
        raise BackupError(
            f"{archive}: it holds {name!r}, and Windows has no file of that name; nothing of it is kept here",
            hint="Restore the uploads on the system on which the backup was made, and rename the file there.",
        )


def _damaged(path: Path, reason: str) -> BackupError:
    return BackupError(f"{path}: damaged: {reason}", hint=_MAKE_ANOTHER)
