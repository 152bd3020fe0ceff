"""A settings file on disk: its bytes, its text, and how another text takes its place, or the old one again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from upgrade_kit.deployment.parsing import SIZE_LIMIT_BYTES, coding_line
from upgrade_kit.deployment.whole_file import PARTIAL, open_new, put_in_place, sync_folder
from upgrade_kit.errors import ApplyError, JournalError, SiteError

KIND = "rewrite-settings record"
_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MOST_COPIES = 1000
_RECORD_LIMIT_BYTES = 100_000
_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """A settings file as it was read.

    Attributes:
        path: the file itself, not a link to it.
        raw: its bytes.
        text: what they say, every line end as it is, without a byte order mark.
        encoding: the one that Python goes by.
    """

    path: Path
    raw: bytes
    text: str
    encoding: str

    @property
    def sha256(self) -> str:
        """The digest of the bytes, hexadecimal."""
        return _digest(self.raw)

    def encoded(self, text: str) -> bytes:
        """Return the bytes of another text in the same encoding, with a byte order mark where the file has one.

        Raises:
            SiteError: the encoding does not have one of the characters.
        """
        try:
            raw = text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise SiteError(f"{self.path}: {self.encoding} does not have the character at {error.start}") from None
        return _MARK + raw if self.raw.startswith(_MARK) else raw


def read_settings_file(path: Path) -> SettingsFile:
    """Read a settings file as Python 3 would decode it.

    Raises:
        SiteError: it cannot be read, or Python 3 would refuse its bytes.
    """
    try:
        real = path.resolve(strict=True)
        raw = _read(real)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        raise SiteError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            hint="Run upgrade-kit as a user who may read it.",
        ) from None
    if len(raw) > SIZE_LIMIT_BYTES:
        raise SiteError(f"{path} is larger than {SIZE_LIMIT_BYTES // 1024 // 1024} MiB and was not read")
    if raw.startswith(_UTF16_MARKS):
        raise SiteError(
            f"{path} is UTF-16, which no Python reads as source", hint="Save it as UTF-8, then type the same again."
        )
    try:
        encoding = coding_line(raw) or "utf-8"
    except (LookupError, UnicodeError):
        raise SiteError(
            f"{path} names an encoding that does not exist", hint="Correct the coding line at its top."
        ) from None
    body = raw.removeprefix(_MARK)
    try:
        text = body.decode(encoding)
        same = text.encode(encoding) == body
    except UnicodeError as error:
        line = body.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise SiteError(
            f"{path}, line {line}: the bytes are not {encoding}, so Python 3 refuses the file",
            hint="Save it as UTF-8, or write the encoding that it has on its first line: # -*- coding: cp1252 -*-",
        ) from None
    if not same:
        raise SiteError(f"{path}: its bytes cannot be written back the same in {encoding}", hint="Save it as UTF-8.")
    return SettingsFile(path=real, raw=raw, text=text, encoding=encoding)


def write_settings_file(file: SettingsFile, text: str, *, suffix: str) -> Path:
    """Put another text in the file's place, whole or not at all, with a copy of the old one beside it.

    Args:
        file: the file as it was read and shown.
        text: the text to write.
        suffix: what the copy's name ends in, ``before-0.3.0``; a number follows where such a copy is there.

    Returns:
        The copy; the record beside it, ``<copy>.json``, says what was written.

    Raises:
        ApplyError: the file is not what was read any more, or it cannot be written; it is as it was.
        SiteError: the encoding does not have a character of the text.
    """
    raw = file.encoded(text)
    try:
        if _read(file.path) != file.raw:
            raise _changed(file.path)
        copy, record = _free_names(file.path, suffix)
        told = {
            "schema": 1,
            "kind": KIND,
            "file": file.path.name,
            "copy": copy.name,
            "before_sha256": file.sha256,
            "after_sha256": _digest(raw),
        }
        try:
            _write_new(copy, file.raw, file.path)
            _write_new(record, (json.dumps(told, indent=1) + "\n").encode("ascii"), file.path)
            _replace(file.path, raw, expecting=file.raw)
        except FileExistsError:  # somebody else was quicker
            raise
        except BaseException:  # an interrupt too: it may have come when the new text was in place already
            if not _holds(file.path, raw):
                for path in (copy, record):
                    with suppress(OSError):
                        path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritten(file.path, error) from error
    return copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What an undo did.

    Attributes:
        path: the settings file.
        copy: where the old bytes came from.
        written: whether the file was written; False where it held the old bytes already.
    """

    path: Path
    copy: Path
    written: bool


def undo_settings_file(named: Path) -> Undone:
    """Put back exactly the bytes that an apply replaced.

    Args:
        named: the copy that the apply made, or the record beside it.

    Raises:
        JournalError: there is no such copy, no record of it, or one of them is damaged.
        ApplyError: the file is not what the apply wrote any more, or it cannot be written; it is as it was.
    """
    copy = named.with_name(named.name.removesuffix(".json")) if named.name.endswith(".json") else named
    record = _record(copy.with_name(f"{copy.name}.json"))
    try:
        old = _read(copy)
    except OSError as error:
        raise JournalError(f"{copy} cannot be read: {error.strerror or error}.") from error
    if _digest(old) != record["before_sha256"] or record["copy"] != copy.name:
        raise JournalError(f"{copy} is not the copy that the apply made; nothing was written.")
    path = copy.with_name(record["file"])
    try:
        now = _read(path)
        if now == old:
            return Undone(path=path, copy=copy, written=False)
        if _digest(now) != record["after_sha256"]:
            raise ApplyError(
                f"{path} has been changed since the apply; nothing was written",
                hint=f"Compare the two, and take out of {copy.name} by hand what you need.",
            )
        _replace(path, old, expecting=now)
    except OSError as error:
        raise _unwritten(path, error) from error
    return Undone(path=path, copy=copy, written=True)


def _record(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as stream:
            data = json.loads(stream.read(_RECORD_LIMIT_BYTES).decode("utf-8"))
    except OSError as error:
        raise JournalError(
            f"{path}: the record of the apply cannot be read: {error.strerror or error}.",
            hint="Name the copy that --apply made; its record lies beside it.",
        ) from error
    except (ValueError, RecursionError):
        raise JournalError(f"{path}: this is no record of rewrite-settings.") from None
    wanted = ("file", "copy", "before_sha256", "after_sha256")
    if not isinstance(data, dict) or data.get("kind") != KIND or data.get("schema") != 1:
        raise JournalError(f"{path}: this is no record of rewrite-settings.")
    found = {key: value for key in wanted if isinstance(value := data.get(key), str)}
    names = [found.get("file", ""), found.get("copy", "")]
    if len(found) < len(wanted) or any(not name or {"/", "\\", "\0"} & set(name) or name == ".." for name in names):
        raise JournalError(f"{path}: the record is damaged; nothing was written.")
    return found


def _read(path: Path) -> bytes:
    if not path.is_file():  # a pipe would wait for ever
        path.stat()
        raise OSError(errno.EINVAL, "it is no file", str(path))
    with path.open("rb") as stream:
        return stream.read(SIZE_LIMIT_BYTES + 1)


def _holds(path: Path, raw: bytes) -> bool:
    """Tell whether a file holds these bytes; in doubt it does, and what leads back from them is kept."""
    try:
        return _read(path) == raw
    except OSError:
        return True


def _free_names(path: Path, suffix: str) -> tuple[Path, Path]:
    """Return names that nothing has, for a copy of a file and for the record beside it."""
    for number in range(1, _MOST_COPIES):
        copy = path.with_name(f"{path.name}.{suffix}{'' if number == 1 else f'.{number}'}")
        record = copy.with_name(f"{copy.name}.json")
        if not os.path.lexists(copy) and not os.path.lexists(record):
            return copy, record
    raise OSError(errno.EEXIST, f"there are {_MOST_COPIES} copies of it", str(path))


def _replace(path: Path, raw: bytes, *, expecting: bytes) -> None:
    """Put bytes in a file's place with one rename, if it still holds what is expected."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        _write_new(partial, raw, path)
        if not path.stat().st_mode & _WRITE:
            raise PermissionError(errno.EACCES, "it is marked read-only", str(path))
        if _read(path) != expecting:
            raise _changed(path)
        put_in_place(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def _write_new(path: Path, raw: bytes, like: Path) -> None:
    """Write a file that is not there yet, with the owner and the rights of another, and none more before.

    Where that fails, what there is of it is the caller's to remove.
    """
    with open_new(path) as stream:
        stream.write(raw)
        _liken(stream.fileno(), like.stat())
        stream.flush()
        os.fsync(stream.fileno())


def _liken(handle: int, status: os.stat_result) -> None:
    """Give an open file the owner and the rights of another; Windows hands down the folder's.

    Raises:
        OSError: another owner or group cannot be given, so that who reads the settings now might not any more.
    """
    if os.name == "nt":
        return
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(handle, status.st_uid, status.st_gid)
    os.fchmod(handle, stat.S_IMODE(status.st_mode))


def _changed(path: Path) -> ApplyError:
    return ApplyError(
        f"{path} was changed while it was looked at; nothing was written", hint="Look again: type the same anew."
    )


def _unwritten(path: Path, error: OSError) -> ApplyError:
    where = f"{error.filename}: " if error.filename and str(error.filename) != str(path) else ""
    return ApplyError(
        f"{path} was not written, and is as it was: {where}{error.strerror or error}",
        hint="Run upgrade-kit as the user who owns the file and may write into its folder, on a disk with room.",
    )


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
