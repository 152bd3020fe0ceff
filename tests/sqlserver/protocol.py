"""Messages and tokens of the Tabular Data Stream, version 7.4. Sections in brackets are those of [MS-TDS].

Bytes in, values out, and the other way round; the socket is ``server.py``'s.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.sqlserver.datatypes import COLLATION, Reader, SqlType

HEADER_SIZE: Final = 8
END_OF_MESSAGE: Final = 0x01

# Kinds of packets [2.2.3.1.1]
BATCH, RPC, REPLY, ATTENTION, TRANSACTION, LOGIN, PRELOGIN, TLS = 1, 3, 4, 6, 14, 16, 18, 22

# What a DONE says of itself [2.2.7.6]
MORE, ERROR, IN_TRANSACTION, COUNTED, CANCELLED = 0x01, 0x02, 0x04, 0x10, 0x20
DONE, DONE_PROCEDURE, DONE_IN_PROCEDURE = 0xFD, 0xFE, 0xFF
# Tokens of statements, which drivers use to tell a SELECT's count from another's.
_VERBS = {"SELECT": 0xC1, "INSERT": 0xC3, "DELETE": 0xC4, "UPDATE": 0xC5}

# Environment changes [2.2.7.9]
DATABASE, LANGUAGE, PACKET_SIZE, SQL_COLLATION, BEGIN, COMMIT, ROLLBACK = 1, 2, 4, 7, 8, 9, 10

ENCRYPTION_NOT_SUPPORTED = 2
_PROCEDURES = {  # [2.2.6.6]
    1: "sp_cursor",
    2: "sp_cursoropen",
    3: "sp_cursorprepare",
    4: "sp_cursorexecute",
    5: "sp_cursorprepexec",
    6: "sp_cursorunprepare",
    7: "sp_cursorfetch",
    8: "sp_cursoroption",
    9: "sp_cursorclose",
    10: "sp_executesql",
    11: "sp_prepare",
    12: "sp_execute",
    13: "sp_prepexec",
    14: "sp_prepexecrpc",
    15: "sp_unprepare",
}


# --- What the client sends ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A LOGIN7 message [2.2.6.4]."""

    host: str
    user: str
    password: str
    program: str
    server: str
    database: str
    packet_size: int
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a procedure's call."""

    name: str
    type: SqlType
    value: object
    output: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A procedure's call [2.2.6.6]."""

    procedure: str
    parameters: tuple[Parameter, ...]


def read_login(data: bytes) -> Login:
    size = struct.unpack_from("<I", data, 8)[0]

    def text(place: int) -> str:
        start, length = struct.unpack_from("<HH", data, place)
        return data[start : start + 2 * length].decode("utf-16-le")

    start, length = struct.unpack_from("<HH", data, 44)
    # Each byte was turned by half and then XORed, which hides nothing.
    plain = bytes((byte ^ 0xA5) << 4 & 0xF0 | (byte ^ 0xA5) >> 4 for byte in data[start : start + 2 * length])
    return Login(
        host=text(36),
        user=text(40),
        password=plain.decode("utf-16-le"),
        program=text(48),
        server=text(52),
        database=text(68),
        packet_size=size,
        read_only=bool(data[26] & 0x20),
    )


def read_batch(data: bytes) -> str:
    """Return a batch's text [2.2.6.7]."""
    reader = Reader(data)
    _skip_headers(reader)
    return data[reader.position :].decode("utf-16-le", "surrogatepass")


def read_calls(data: bytes) -> Iterator[Call]:
    """Return the procedures that one message calls."""
    reader = Reader(data)
    _skip_headers(reader)
    while reader:
        length = reader.number(2)
        if length == 0xFFFF:
            number = reader.number(2)
            procedure = _PROCEDURES.get(number, f"procedure {number}")
        else:
            procedure = reader.take(2 * length).decode("utf-16-le")
        reader.take(2)  # options: recompile, metadata
        parameters = []
        while reader and reader.peek() not in {0x80, 0xFF}:
            name, flags = reader.text(1), reader.number(1)
            kind, fixed = SqlType.read(reader)
            value = kind.decode(reader, fixed)
            parameters.append(Parameter(name=name, type=kind, value=value, output=bool(flags & 1)))
        if reader:
            reader.take(1)  # what separates two calls
        yield Call(procedure=procedure, parameters=tuple(parameters))


def read_transaction(data: bytes) -> tuple[str, ...]:
    """Return what a transaction manager request asks for [2.2.6.9]; a commit or rollback may begin the next one."""
    reader = Reader(data)
    _skip_headers(reader)
    kind = reader.number(2)
    asked = {5: "begin", 7: "commit", 8: "rollback"}.get(kind)
    if asked is None:
        raise ValueError(f"transaction manager request {kind}")
    if asked == "begin":
        return (asked,)
    reader.take(reader.number(1))  # the transaction's name
    return (asked, "begin") if reader and reader.number(1) & 1 else (asked,)


def declared_names(declaration: str) -> tuple[str, ...]:
    """Return the parameters' names from how sp_executesql declares them: ``@P1 int,@P2 decimal(10,2)``."""
    return tuple(re.findall(r"(@\w+)\s+\w", declaration))


def _skip_headers(reader: Reader) -> None:
    """Pass over ALL_HEADERS [2.2.5.3]: the transaction's number, which the connection knows itself."""
    reader.take(reader.number(4) - 4)


# --- What the server says ----------------------------------------------------------------------------


def prelogin_answer() -> bytes:
    """Return the PRELOGIN answer [2.2.6.5]: version, no encryption, no instance, thread, no MARS."""
    options = (
        (0, bytes([16, 0]) + struct.pack(">H", 1000) + bytes(2)),
        (1, bytes([ENCRYPTION_NOT_SUPPORTED])),
        (2, b"\0"),
        (3, b""),
        (4, b"\0"),
    )
    start = 5 * len(options) + 1
    head, body = b"", b""
    for token, value in options:
        head += struct.pack(">BHH", token, start + len(body), len(value))
        body += value
    return head + b"\xff" + body


def login_accepted(product: str) -> bytes:
    """Return LOGINACK [2.2.7.14]."""
    body = b"\x01" + bytes.fromhex("74000004") + _short_text(product) + bytes([16, 0, 3, 232])
    return _token(0xAD, body)


def changed(kind: int, new: str | bytes, old: str | bytes = b"") -> bytes:
    """Return ENVCHANGE [2.2.7.9]."""
    values = [value if isinstance(value, bytes) else value.encode("utf-16-le") for value in (new, old)]
    lengths = [
        len(value) // 2 if isinstance(given, str) else len(value)
        for given, value in zip((new, old), values, strict=True)
    ]
    body = b"".join(bytes([length]) + value for length, value in zip(lengths, values, strict=True))
    return _token(0xE3, bytes([kind]) + body)


def collation_changed() -> bytes:
    return changed(SQL_COLLATION, COLLATION)


def message(number: int, text: str, *, severity: int, state: int, line: int, server: str) -> bytes:
    """Return an INFO, or from severity 11 on an ERROR [2.2.7.10, 2.2.7.13]."""
    wide = text.encode("utf-16-le")
    body = struct.pack("<iBBH", number, state, severity, len(wide) // 2) + wide
    body += _short_text(server) + _short_text("") + struct.pack("<i", line)
    return _token(0xAA if severity > 10 else 0xAB, body)


def metadata(columns: Sequence[tuple[str, SqlType]]) -> bytes:
    """Return COLMETADATA [2.2.7.4]."""
    found = b"\x81" + struct.pack("<H", len(columns))
    for name, kind in columns:
        found += struct.pack("<IH", 0, 0x0009)  # may be NULL, may perhaps be written
        found += kind.info()
        if kind.is_old_text:
            found += b"\x01" + struct.pack("<H", 0)  # one part, without a name, of the table's name
        found += _short_text(name)
    return found


def row(types: Sequence[SqlType], values: Sequence[object]) -> bytes:
    """Return a ROW, or where many values are NULL an NBCROW, as the server itself does [2.2.7.19, 2.2.7.15]."""
    nulls = [value is None for value in values]
    if sum(nulls) * 8 > len(nulls):
        bits = bytearray((len(values) + 7) // 8)
        for place, null in enumerate(nulls):
            bits[place // 8] |= null << place % 8
        given = ((kind, value) for kind, value in zip(types, values, strict=True) if value is not None)
        return b"\xd2" + bytes(bits) + b"".join(kind.encode(value) for kind, value in given)
    return b"\xd1" + b"".join(kind.encode(value) for kind, value in zip(types, values, strict=True))


def done(token: int, *, status: int, verb: str, rows: int) -> bytes:
    return struct.pack("<BHHQ", token, status, _VERBS.get(verb.upper(), 0), rows)


def return_status(value: int = 0) -> bytes:
    return b"\x79" + struct.pack("<i", value)


def return_value(ordinal: int, name: str, value: int) -> bytes:
    """Return an output parameter of type int [2.2.7.18]."""
    kind = SqlType.of("int")
    head = b"\xac" + struct.pack("<H", ordinal) + _short_text(name) + b"\x01" + struct.pack("<IH", 0, 0)
    return head + kind.info() + kind.encode(value)


def packets(kind: int, data: bytes, size: int, *, end: bool, number: int) -> Iterable[bytes]:
    """Cut a message into packets."""
    room = size - HEADER_SIZE
    pieces = [data[start : start + room] for start in range(0, len(data), room)] or [b""]
    for place, piece in enumerate(pieces):
        last = end and place == len(pieces) - 1
        head = struct.pack(
            ">BBHHBB", kind, END_OF_MESSAGE if last else 0, len(piece) + HEADER_SIZE, 51, (number + place) % 256, 0
        )
        yield head + piece


def _token(token: int, body: bytes) -> bytes:
    return bytes([token]) + struct.pack("<H", len(body)) + body


def _short_text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("utf-16-le")
