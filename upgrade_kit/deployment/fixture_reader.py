"""Reads a Django fixture object by object, and says what is wrong with a file that is none."""

from __future__ import annotations

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, TypeAlias

import orjson

from upgrade_kit.errors import BackupError
from upgrade_kit.model.shape import NO_MODEL

_Stream: TypeAlias = gzip.GzipFile | BufferedReader

_CHUNK = 1024 * 1024
_GZIP = b"\x1f\x8b"
_SHOWN = 40
_LONGEST_WORD = 16  # -Infinity, \\ud83d\\ude00
_AGAIN = "Do not rely on it; make another."
_UTF16 = (  # dumpdata has no --output before Django 1.7
    "PowerShell's > writes that; the > of cmd does not. If you want a dump of the site's own, make it again with:\n"
    '    cmd /c "python manage.py dumpdata > FILE"'
)
# The bracket, or a blank before it, in two bytes: what UTF-16 without a mark begins with.
_WIDE_OPENING = re.compile(rb"[\[ \t\r\n]\0|\0[\[ \t\r\n]")
_BLANK = re.compile(r"[ \t\r\n]*")


class FixtureObject(NamedTuple):
    """One object of a fixture.

    Attributes:
        model: ``app.model``, in lower case; ``table.NAME`` as it stands, where a table is no model's.
        pk: its primary key, as JSON holds it; ``None`` where the fixture leaves it to the database.
        fields: field names and values, as JSON holds them.
    """

    model: str
    pk: object
    fields: dict[str, object]


def read_fixture(path: Path) -> Iterator[FixtureObject]:
    """Read a fixture, plain or gzip, whoever wrote it; never more than a few of its objects are in memory.

    Args:
        path: the file. Whether it is compressed is told by its content, not by its name.

    Yields:
        The objects in the order of the file.

    Raises:
        BackupError: it cannot be read, or is no whole fixture; the message says in which way: UTF-16 or another
            encoding, text before it, cut off, a second document after it, an object that is none.
    """
    reader = _Reader(path)
    try:
        with path.open("rb") as raw:
            compressed = raw.peek(len(_GZIP)).startswith(_GZIP)
            with gzip.GzipFile(fileobj=raw) if compressed else raw as stream:
                yield from reader.objects(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise reader.wrong(f"the compressed file is damaged or cut off {reader.so_far} ({error})") from error
    except OSError as error:
        raise BackupError(
            f"{path}: the dump cannot be read ({error.strerror or error})", hint="Check the path and your rights to it."
        ) from error


class _Reader:
    """Knows where in the file the reading is, for what there is to say of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        self._last: FixtureObject | None = None

    @property
    def so_far(self) -> str:
        if self._last is None:
            return "before the first object"
        objects = f"{self._count} object{'' if self._count == 1 else 's'}"
        return f"after {objects}, the last one {self._last.model} {self._last.pk}"

    def wrong(self, what: str, hint: str = _AGAIN) -> BackupError:
        return BackupError(f"{self._path}: {what}", hint=hint)

    def objects(self, stream: _Stream) -> Iterator[FixtureObject]:
        first = self._opening(stream)
        if first.strip(b" \t\r\n") != b"[":
            yield from self._anywhere(first, stream, within=False)
            return
        # One object a line, as the kit writes it: a line at a time can be read by the faster parser.
        more = True
        while line := stream.readline():
            text = line.rstrip(b" \t\r\n")
            if not text:
                continue
            try:
                found = orjson.loads(text.removesuffix(b",")) if more else None
            except orjson.JSONDecodeError:
                found = None
            if found is None:
                yield from self._anywhere(line, stream, within=True, separated=not more)
                return
            yield self._checked(found)
            more = text.endswith(b",")
        raise self._cut_off()

    def _opening(self, stream: _Stream) -> bytes:
        """Return the first line, after a look at what kind of file this is."""
        first = stream.readline(_CHUNK)
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise self.wrong("this is UTF-16, which loaddata cannot read", _UTF16)
        if first.startswith(codecs.BOM_UTF8):
            raise self.wrong(
                "it begins with the mark of UTF-8 (EF BB BF), which loaddata cannot read",
                "Save it as UTF-8 without a byte order mark, or make another dump.",
            )
        if _WIDE_OPENING.match(first):
            raise self.wrong("this is UTF-16, which loaddata cannot read", _UTF16)
        if b"\0" in first:
            raise self.wrong("this is no text: a byte that is zero is in its first line")
        if not first:
            raise self.wrong("the file is empty")
        while first and not first.strip():
            first = stream.readline(_CHUNK)
        start = first.lstrip()
        if start and not start.startswith(b"["):
            shown = start[:_SHOWN].split(b"\n")[0].decode("ascii", "replace")
            raise self.wrong(f"not a Django fixture: it begins with {shown!r} and not with [")
        return first

    def _anywhere(
        self, held: bytes, stream: _Stream, *, within: bool, separated: bool = False
    ) -> Iterator[FixtureObject]:
        """Read a list however its objects are laid out.

        Args:
            held: what was read of it already.
            stream: the rest.
            within: whether the opening bracket is behind.
            separated: whether an object is behind that no comma followed yet.
        """
        text = _Text(self, held, stream)
        if not within:
            text.expect("[")
        first = not self._count
        while True:
            character = text.next_character()
            if character == "]" and (first or separated):
                text.skip(1)
                break
            if separated:
                if character != ",":
                    raise self._cut_off() if not character else self.wrong(f"damaged {self.so_far}: no comma follows")
                text.skip(1)
                separated = False
                first = False
                continue
            if not character:
                raise self._cut_off()
            yield self._checked(text.value())
            separated = True
        if text.next_character():
            raise self.wrong(f"a second document follows {self.so_far}: two dumps in one file, or a message at its end")

    def _cut_off(self) -> BackupError:
        return self.wrong(f"cut off {self.so_far}: the dump failed, or was not copied whole")

    def _checked(self, value: object) -> FixtureObject:
        # Asked of every object there is, so in the plainest way.
        if isinstance(value, dict):
            model, fields = value.get("model"), value.get("fields")
            if isinstance(model, str) and isinstance(fields, dict):
                name = model if model.startswith(NO_MODEL) else model.lower()
                found = FixtureObject(name, value.get("pk"), fields)
                self._count += 1
                self._last = found
                return found
        raise self.wrong(f"not a Django fixture: what comes {self.so_far} has no model and fields")


class _Text:
    """Decoded text, of which only what is needed is in memory."""

    def __init__(self, reader: _Reader, held: bytes, stream: _Stream) -> None:
        self._reader = reader
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("strict").decode
        self._parse = json.JSONDecoder(strict=True).raw_decode
        self._at = 0
        self._ended = False
        self._text = ""
        self._text = self._decoded(held)

    def next_character(self) -> str:
        """Skip blanks and return the next character without taking it; ``""`` at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(_CHUNK):
                return ""

    def skip(self, characters: int) -> None:
        self._at += characters

    def expect(self, character: str) -> None:
        if self.next_character() != character:
            raise self._reader.wrong("not a Django fixture: there is no list in it")
        self.skip(1)

    def value(self) -> object:
        """Take one whole value."""
        size = _CHUNK
        while True:
            try:
                value, end = self._parse(self._text, self._at)
            except json.JSONDecodeError as error:
                # An error at the end of what is in memory may be no more than the end of what is in memory.
                goes_on = error.pos >= len(self._text) - _LONGEST_WORD or error.msg.startswith("Unterminated")
                if not goes_on or not self._more(size):
                    so_far = self._reader.so_far
                    raise self._reader.wrong(f"cut off or damaged {so_far}: {error.msg}") from error
                size *= 2
            except RecursionError as error:
                raise self._reader.wrong(f"nested too deeply {self._reader.so_far}") from error
            else:
                self._at = end
                return value

    def _more(self, size: int) -> bool:
        if self._ended:
            return False
        read = self._stream.read(size)
        self._ended = not read
        self._text = self._text[self._at :] + self._decoded(read)
        self._at = 0
        return not self._ended

    def _decoded(self, data: bytes) -> str:
        try:
            return self._decode(data, self._ended)
        except UnicodeDecodeError as error:
            before = error.object[max(0, error.start - _SHOWN) : error.start].decode("ascii", "replace")
            raise self._reader.wrong(
                f"not UTF-8: byte {error.object[error.start]:02X} after {before!r}",
                "Make the dump again; on Windows set PYTHONIOENCODING=utf-8 before dumpdata.",
            ) from error
