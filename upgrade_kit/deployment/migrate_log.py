"""Read what the migration to 0.3.0 printed: ``logs/migrate.log``, or the same text caught from a console.

The migration ``qa.0014_convert_file_uploads`` writes one sentence and then one line per upload test whose
procedure holds the letters FILE: a tab, the name, a blank, the slug in parentheses, a comma. Taken back, it
writes the same with FILE and BIN_FILE exchanged. ``attachments.0002`` tells which uploaded files it could
not move, and ``qa.0021_check_py3_calcs`` (0.3.0.1 and later) which procedures are not Python 3.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import AnyStr, BinaryIO

from upgrade_kit.errors import LogError
from upgrade_kit.model.migrate_log import FailedAttachment, ListedTest, MigrateLog, Python3Notice

LOG_NAME = "migrate.log"

_HINT = (
    "Give the file with --log FILE, the site's logs folder, or no --log at all: then the database is asked "
    "which upload tests name FILE."
)
_ROTATED = re.compile(r"\.[0-9]{4}-[0-9]{2}-[0-9]{2}(?:_[0-9-]+)?\Z")

_OPENING = "Note: if any of the following"
# Compared without white space, because a console may break the sentence anywhere.
_DIRECTION = re.compile(r"replace'(?P<old>(?:BIN_)?FILE)'with'(?:BIN_)?FILE'\.Tests:\Z")
_CONSOLE_STEP = "qa.0014_convert_file_uploads"
_QUOTED = re.compile(r"(?:> ?)+")
_RECORD = re.compile(r"\[[^\]]{8,40}\] [A-Z]+ \[[^\]]*:[0-9]+\] ")
_STOP = re.compile(r" *(?:Applying \S+\.\S+|(?:OK|FAKED)\s*\Z)")
# The slug is the last thing in parentheses; a name may hold any number of them.
_ITEM_END = re.compile(r" ?\((?P<slug>[^()]*)\)\s?(?P<comma>,?)(?: {0,2}OK)?\Z")
# A line that does not begin as a test does must at least end as one, with what can be a macro name.
_STRAY_SLUG = re.compile(r"\([\w-]+\),(?: {0,2}OK)?\Z")
_BROKEN_OFF = re.compile(r"\s*\n\s*")

_FAILED = re.compile(
    r"Failed to move '(?P<file>.*)' for test instance id=(?P<instance>[0-9]{1,19})"
    r" from test list instance (?P<list>[0-9]{1,19})\s*\Z"
)
_NOTICE = re.compile(
    r"The calculation procedure of the test named '(?P<name>.*)' with ID=(?P<id>[0-9]{1,19})"
    r" needs to be updated to be compatible with Python 3\.\s*\Z"
)

_SAMPLE_BYTES = 8192
_LONGEST_LINE = 1 << 20
_LONGEST_MESSAGE = 4096
_LONGEST_ITEM = 2000  # a name has at most 255 characters and a slug 128
_LONGEST_NAME = 16  # lines
_LONGEST_OPENING = 8  # lines of the sentence, or between it and its list, on a narrow or chatty console
_CONSOLE_COPIES = 3  # two console handlers and a print
_LISTS_KEPT = 64
_NOTES_KEPT = 20


def read_migrate_log(path: str | Path) -> MigrateLog:
    """Read the migration's log, the rotated files beside it included, oldest first.

    Where the log holds several lists, the last that was not taken back counts. A log that is empty or
    holds no list is no error: ``listed`` is empty and a note says what that means. Lines that are not
    UTF-8 are read as Windows-1252, and a note says so.

    Args:
        path: ``migrate.log``, a rotated one alone, text caught from a console, or a folder of logs.

    Raises:
        LogError: there is no such file, the folder holds no log, or the file is binary or unreadable.
    """
    asked = Path(path)
    try:
        files = _files(asked)
    except (OSError, ValueError) as error:
        raise _unreadable(asked, error) from error
    reader = _Reader()
    read: list[Path] = []
    encodings: list[str] = []
    unread: list[str] = []
    for file in files:
        try:
            encodings.append(_read_file(file, reader))
        except LogError as error:
            if file == files[-1]:
                raise
            reader.notes.append(f"{file.name} was left out: {error.message}.")
            unread.append(error.message)
        else:
            read.append(file)
    return replace(reader.log(files=tuple(read), encodings=tuple(encodings)), unread=tuple(unread))


def _unreadable(path: Path, error: Exception) -> LogError:
    reason = getattr(error, "strerror", None) or str(error)
    return LogError(f"{path}: cannot be read: {reason}", hint=_HINT)


def _files(asked: Path) -> tuple[Path, ...]:
    """Return the files to read, oldest first; the one that must be readable is last."""
    if asked.is_dir():
        for folder in (asked, asked / "logs"):
            if found := _with_rotated(folder / LOG_NAME):
                return found
        raise LogError(f"{asked}: this folder holds no {LOG_NAME}, and no logs folder with one", hint=_HINT)
    if not asked.is_file():
        what = "this is not a file" if asked.exists() else "no such file"
        raise LogError(f"{asked}: {what}", hint=_HINT)
    return _with_rotated(asked)


def _with_rotated(newest: Path) -> tuple[Path, ...]:
    """Return a log and its rotated predecessors, which carry the date at the end of the name."""
    if not newest.parent.is_dir():
        return ()
    rotated = [
        file
        for file in newest.parent.iterdir()
        if file.name.startswith(newest.name) and _ROTATED.fullmatch(file.name[len(newest.name) :]) and file.is_file()
    ]
    return (*sorted(rotated, key=lambda file: file.name), *((newest,) if newest.is_file() else ()))


@dataclass(slots=True)
class _Tally:
    """How the lines of one file could be decoded."""

    not_ascii: int = 0
    not_utf8: int = 0
    unreadable: int = 0
    too_long: int = 0


def _read_file(file: Path, reader: _Reader) -> str:
    """Feed one file to the reader and return its encoding."""
    try:
        with file.open("rb") as stream:
            return _read_stream(stream, file, reader)
    except OSError as error:
        raise _unreadable(file, error) from error


def _read_stream(stream: BinaryIO, file: Path, reader: _Reader) -> str:
    tally = _Tally()
    sample = stream.read(_SAMPLE_BYTES)
    stream.seek(0)
    wide = _wide_encoding(sample)
    # A machine that lost power can leave zero bytes at the end of a log; anywhere else they mean binary.
    if not wide and b"\0" in sample and (b"\0" in (text := sample.rstrip(b"\0")) or b"\n" not in text):
        raise _no_text(file)
    lines = _wide_lines(stream, wide, tally) if wide else _narrow_lines(stream, tally)
    number = 0
    for number, line in enumerate(lines, start=1):
        reader.feed(line, f"{file.name}:{number}")
    if 2 * tally.unreadable > number:
        raise _no_text(file)
    reader.end_of_file(empty=not sample)
    reader.notes.extend(_decoding_notes(file.name, tally))
    if wide:
        return wide
    if tally.not_utf8:
        return "utf-8, cp1252" if tally.not_ascii > tally.not_utf8 else "cp1252"
    return "utf-8-sig" if sample.startswith(codecs.BOM_UTF8) else "utf-8"


def _no_text(file: Path) -> LogError:
    return LogError(f"{file}: this is not text, so it is no migration log", hint=_HINT)


def _wide_encoding(sample: bytes) -> str:
    """Return the UTF-16 that a byte order mark announces (PowerShell's ``>`` writes it), or ``""``."""
    if sample.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    return "utf-16-be" if sample.startswith(codecs.BOM_UTF16_BE) else ""


def _wide_lines(stream: BinaryIO, encoding: str, tally: _Tally) -> Iterator[str]:
    text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="\n")
    try:
        for line in _whole_lines(text.readline, "\n", tally):
            tally.unreadable += "\ufffd" in line
            yield line.removeprefix("\ufeff").rstrip("\r\n")
    finally:
        text.detach()


def _narrow_lines(stream: BinaryIO, tally: _Tally) -> Iterator[str]:
    for raw in _whole_lines(stream.readline, b"\n", tally):
        tally.not_ascii += not raw.isascii()
        yield _decoded(raw, tally).removeprefix("\ufeff").rstrip("\r\n")


def _whole_lines(readline: Callable[[int], AnyStr], newline: AnyStr, tally: _Tally) -> Iterator[AnyStr]:
    """Yield each line, ended by a line feed alone; a line too long to hold is yielded empty."""
    while line := readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(newline):
            tally.too_long += 1
            while (rest := readline(_LONGEST_LINE)) and not rest.endswith(newline):
                pass
            line = newline
        yield line


def _decoded(raw: bytes, tally: _Tally) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        tally.not_utf8 += 1
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        tally.unreadable += 1
        return raw.decode("cp1252", "backslashreplace")


def _decoding_notes(name: str, tally: _Tally) -> Iterator[str]:
    if tally.not_utf8:
        yield (
            f"{name}: {_count(tally.not_utf8, 'line')} not in UTF-8, read as Windows-1252; names may look "
            "wrong if the server's code page is another, macro names do not."
        )
    if tally.unreadable:
        yield f"{name}: {_count(tally.unreadable, 'line')} with bytes that are no character; they are kept."
    if tally.too_long:
        yield f"{name}: {_count(tally.too_long, 'line')} of more than {_LONGEST_LINE} characters passed over."


@dataclass(slots=True)
class _Listing:
    """One list while it is read: the sentence, then the tests."""

    where: str
    logged: bool
    in_step: bool
    quoted: bool
    sentence: str
    forwards: bool | None = None
    spaced: bool = False
    patience: int = _LONGEST_OPENING
    copies: int = 1
    tests: list[ListedTest] = field(default_factory=list)
    pending: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def opened_by(cls, line: str, where: str) -> _Listing | None:
        """Return a listing if the line holds the beginning of the sentence."""
        start = line.find(_OPENING)
        if start < 0:
            return None
        before = line[:start]
        listing = cls(
            where=where,
            logged=_RECORD.search(before) is not None,
            in_step=_CONSOLE_STEP in before,
            quoted=_QUOTED.match(line) is not None,
            sentence="",
        )
        listing._read_sentence(line[start:])
        return listing

    @property
    def slugs(self) -> tuple[str, ...]:
        return tuple(test.slug for test in self.tests)

    def takes(self, line: str, where: str) -> bool:
        """Read one more line; False if it does not belong to the list."""
        quote = _QUOTED.match(line) if self.quoted else None
        if self.quoted and not quote:
            return False
        text = line[quote.end() :] if quote else line
        if not text.startswith("\t") and (_RECORD.match(text) or _STOP.match(text) or _OPENING in text):
            return False
        if self.forwards is None:
            self._read_sentence(text)
            return self._is_patient()
        return self._takes_item(text, where)

    def close(self) -> list[tuple[str, str]]:
        """End the list; return the lines that it took and could not use."""
        if self.pending and not self._add_pending(comma=False):
            where, text = self.pending[0]
            self.notes.append(f"{where}: cannot be read as a test with its macro name: {text.strip()[:80]!a}")
            return self.pending[1:]
        return []

    def _read_sentence(self, text: str) -> None:
        self.sentence += "".join(text.split())
        if found := _DIRECTION.search(self.sentence):
            self.forwards = found["old"] == "FILE"

    def _is_patient(self) -> bool:
        self.patience -= 1
        return self.patience > 0

    def _takes_item(self, text: str, where: str) -> bool:
        text = text.rstrip()
        if len(text) > _LONGEST_ITEM:
            self.notes.append(f"{where}: passed over, because no test and macro name are as long as this line.")
            return True
        begins = text.startswith("\t") or (self.spaced and text.startswith(" "))
        if self.pending and begins:
            self._add_pending(comma=False)
        if self.pending:
            self.pending.append((where, text))
            if self._add_pending(comma=True):
                return True
            if len(self.pending) <= _LONGEST_NAME:
                return True
            self.pending.pop()
            return False
        if not text:
            return True
        self.pending.append((where, text))
        if begins or _STRAY_SLUG.search(text):
            self._add_pending(comma=True)
            return True
        self.pending.clear()
        return not self.tests and self._is_patient()

    def _add_pending(self, *, comma: bool) -> bool:
        """Take the pending lines as one test, if they end as one does."""
        text = "\n".join(part for _, part in self.pending)
        end = _ITEM_END.search(text)
        if not end or (comma and not end["comma"]):
            return False
        where = self.pending[0][0]
        slug = _BROKEN_OFF.sub("", end["slug"])
        name = text[: end.start()]
        if len(self.pending) > 1:
            self.notes.append(f"{where}: the name of test {slug} runs over {len(self.pending)} lines.")
        if name.startswith("\t"):
            name = name[1:]
        elif self.tests and not self.spaced:
            self.notes.append(
                f"{where}: this line does not begin as the others do; it may be the rest of a name that "
                f"holds a line break. Its macro name, {slug}, is taken."
            )
        else:
            self.spaced = True
            name = name.lstrip(" ")
        self.tests.append(ListedTest(name=name, slug=slug, where=where))
        self.pending.clear()
        return True


class _Reader:
    """Gathers what all files say, in order."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._empty = True
        self._runs = 0
        self._open: _Listing | None = None
        self._last: _Listing | None = None
        self._standing: deque[_Listing] = deque(maxlen=_LISTS_KEPT)
        self._failed: dict[tuple[int, int, str], FailedAttachment] = {}
        self._notices: dict[tuple[int, str], Python3Notice] = {}

    def feed(self, line: str, where: str) -> None:
        """Read one line, without its line ending."""
        if self._open is not None:
            if self._open.takes(line, where):
                return
            self._close()
        self._open = _Listing.opened_by(line, where)
        if self._open is None:
            self._read_message(line, where)

    def end_of_file(self, *, empty: bool) -> None:
        """Close what the file left open: a record never goes on in the next file."""
        self._empty = self._empty and empty
        while self._open is not None:
            self._close()

    def log(self, *, files: tuple[Path, ...], encodings: tuple[str, ...]) -> MigrateLog:
        """Return what was read."""
        counts = self._standing[-1] if self._standing else None
        if counts is None:
            self.notes.insert(0, _nothing_listed(files[-1].name, empty=self._empty, runs=self._runs))
        elif self._runs > 1:
            self.notes.insert(0, f"{self._runs} lists were found; the one at {counts.where} counts.")
        return MigrateLog(
            files=files,
            encodings=encodings,
            runs=self._runs,
            listed=tuple(counts.tests) if counts else (),
            failed_attachments=tuple(self._failed.values()),
            python3_notices=tuple(self._notices.values()),
            notes=self._first_notes(),
        )

    def _first_notes(self) -> tuple[str, ...]:
        left = len(self.notes) - _NOTES_KEPT
        more = (f"... and {left} more of this kind.",) if left > 0 else ()
        return (*self.notes[:_NOTES_KEPT], *more)

    def _close(self) -> None:
        listing, self._open = self._open, None
        if listing is None:
            return
        rest = listing.close()
        self._settle(listing)
        for where, text in rest:
            self.feed(text, where)

    def _settle(self, listing: _Listing) -> None:
        if not listing.tests:
            self.notes.append(f"{listing.where}: the migration's message stands here without a readable list.")
            self.notes.extend(listing.notes)
            return
        if self._is_copy(listing):
            return
        self._last = listing
        self.notes.extend(listing.notes)
        if listing.forwards:
            self._runs += 1
            self._standing.append(listing)
        else:
            taken_back = f"the list at {self._standing.pop().where}" if self._standing else "an earlier list"
            self.notes.append(f"{listing.where}: the migration was taken back here, and with it {taken_back}.")

    def _is_copy(self, listing: _Listing) -> bool:
        """Tell whether the console shows the same run again: it prints each message up to three times."""
        last = self._last
        if (
            last is None
            or listing.logged
            or last.logged
            or (listing.in_step and last.in_step)
            or last.copies == _CONSOLE_COPIES
            or (listing.forwards, listing.slugs) != (last.forwards, last.slugs)
        ):
            return False
        last.copies += 1
        last.in_step = last.in_step or listing.in_step
        return True

    def _read_message(self, line: str, where: str) -> None:
        if len(line) > _LONGEST_MESSAGE:
            return
        if "Failed to move '" in line and (found := _FAILED.search(line)):
            instance, of_list = int(found["instance"]), int(found["list"])
            self._failed.setdefault(
                (instance, of_list, found["file"]),
                FailedAttachment(
                    file=found["file"],
                    test_instance_id=instance,
                    test_list_instance_id=of_list,
                    where=where,
                ),
            )
        elif "The calculation procedure of" in line and (found := _NOTICE.search(line)):
            test_id = int(found["id"])
            self._notices.setdefault(
                (test_id, found["name"]), Python3Notice(name=found["name"], test_id=test_id, where=where)
            )


def _nothing_listed(name: str, *, empty: bool, runs: int) -> str:
    if empty:
        return f"{name} is empty. Any manage.py command creates it, so it does not tell whether a migration ran."
    if runs:
        return f"{name} holds no list that still counts: what it listed was taken back."
    return (
        f"{name} holds no list of upload tests. Either no upload test names FILE, or the migration to 0.3.0 "
        "wrote elsewhere, or it stopped before: under a C or POSIX locale a test name that is not ASCII "
        "stops it, and the list is lost."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
