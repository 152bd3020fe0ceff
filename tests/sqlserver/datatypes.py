"""The data types of SQL Server on the wire: [MS-TDS] 2.2.5.4 (types), 2.2.5.6 (TYPE_INFO), 2.2.5.5 (values)."""

from __future__ import annotations

import re
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, localcontext

MAX = -1  # the length of nvarchar(max) and the like
# LCID 1033, ignoring case, kana and width, sort order 52: SQL_Latin1_General_CP1_CI_AS, whose code page is 1252.
COLLATION = bytes.fromhex("0904d00034")
CODE_PAGE = "cp1252"

_PLP_NULL = 0xFFFFFFFFFFFFFFFF
_PLP_UNKNOWN_LENGTH = 0xFFFFFFFFFFFFFFFE
_SHORT_NULL = 0xFFFF
_SPELLED = re.compile(r"\s*(\w+)\s*(?:\(\s*(\w+)\s*(?:,\s*(\d+)\s*)?\))?\s*", re.ASCII)

_INTEGERS = {"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}
_FLOATS = {"real": 4, "float": 8}
_MONEY = {"smallmoney": 4, "money": 8}
_MOMENTS = {"smalldatetime": 4, "datetime": 8}
_DECIMALS = {"decimal": 0x6A, "numeric": 0x6C}
_SCALED = {"time": 0x29, "datetime2": 0x2A, "datetimeoffset": 0x2B}
_TEXTS = {"varchar": 0xA7, "char": 0xAF, "nvarchar": 0xE7, "nchar": 0xEF}
_BYTES = {"varbinary": 0xA5, "binary": 0xAD}
_OLD_TEXTS = {"text": 0x23, "ntext": 0x63, "image": 0x22}
# Types of one length only, as some drivers send them: the token, the name of the type, its length.
_FIXED = {
    0x30: ("tinyint", 1),
    0x32: ("bit", 1),
    0x34: ("smallint", 2),
    0x38: ("int", 4),
    0x3A: ("smalldatetime", 4),
    0x3B: ("real", 4),
    0x3C: ("money", 8),
    0x3D: ("datetime", 8),
    0x3E: ("float", 8),
    0x7A: ("smallmoney", 4),
    0x7F: ("bigint", 8),
}
_SAME_AS = {"integer": "int", "double": "float", "rowversion": "binary", "timestamp": "binary", "sysname": "nvarchar"}
_FIRST_DAY = date(1, 1, 1)
_EPOCH = datetime(1900, 1, 1)  # noqa: DTZ001 - SQL Server's datetime knows no time zone


class Reader:
    """Reads little-endian values from bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return self.position < len(self._data)

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            raise EOFError(f"{count} bytes wanted at {self.position} of {len(self._data)}")
        found = self._data[self.position : end]
        self.position = end
        return found

    def number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def peek(self) -> int:
        return self._data[self.position]

    def text(self, size: int) -> str:
        """Read a UTF-16 text whose number of characters stands before it in ``size`` bytes."""
        return self.take(2 * self.number(size)).decode("utf-16-le")


@dataclass(frozen=True, slots=True)
class SqlType:
    """A data type, made from how T-SQL spells it: ``SqlType.of("decimal(10, 2)")``.

    Attributes:
        name: the type's name in small letters.
        length: characters or bytes that it holds, ``MAX`` for max.
        precision: digits of a decimal.
        scale: digits after the point, of a decimal or of the seconds.
    """

    name: str
    length: int = 0
    precision: int = 18
    scale: int = 7

    @staticmethod
    def of(spelled: str) -> SqlType:
        found = _SPELLED.fullmatch(spelled.lower().replace("double precision", "float"))
        if found is None:
            raise ValueError(f"no data type: {spelled!r}")
        name, first, second = found.groups()
        original, name = name, _SAME_AS.get(name, name)
        if name in _DECIMALS:
            return SqlType(name, precision=int(first or 18), scale=int(second or 0))
        if name in _SCALED:
            return SqlType(name, scale=int(first or 7))
        if name in _TEXTS or name in _BYTES:
            default = {"sysname": 128, "rowversion": 8, "timestamp": 8}.get(original, 1)
            return SqlType(name, length=MAX if first == "max" else int(first or default))
        known = {**_INTEGERS, **_FLOATS, **_MONEY, **_MOMENTS, **_OLD_TEXTS}
        if name not in known and name not in {"bit", "date", "uniqueidentifier", "sql_variant", "xml"}:
            raise ValueError(f"no data type: {spelled!r}")
        return SqlType(name)

    @property
    def is_old_text(self) -> bool:
        """Whether it is one of the types that came before max."""
        return self.name in _OLD_TEXTS

    @property
    def spelled(self) -> str:
        """The type as T-SQL spells it."""
        if self.name in _DECIMALS:
            return f"{self.name}({self.precision},{self.scale})"
        if self.name in _SCALED:
            return f"{self.name}({self.scale})"
        if self.name in _TEXTS or self.name in _BYTES:
            return f"{self.name}({'max' if self.length == MAX else self.length})"
        return self.name

    # --- From this machine to the wire -------------------------------------------------------------

    def info(self) -> bytes:
        """Return its TYPE_INFO."""
        name = self.name
        for sizes, token in ((_INTEGERS, 0x26), (_FLOATS, 0x6D), (_MONEY, 0x6E), (_MOMENTS, 0x6F)):
            if name in sizes:
                return bytes([token, sizes[name]])
        if name in _DECIMALS:
            return bytes([_DECIMALS[name], self._decimal_size + 1, self.precision, self.scale])
        if name in _SCALED:
            return bytes([_SCALED[name], self.scale])
        if name in _TEXTS or name in _BYTES:
            width = self.length * (2 if name.startswith("n") else 1)
            size = struct.pack("<H", _SHORT_NULL if self.length == MAX else width)
            token = _TEXTS.get(name) or _BYTES[name]
            return bytes([token]) + size + (COLLATION if name in _TEXTS else b"")
        if name in _OLD_TEXTS:
            size = struct.pack("<I", 0x7FFFFFFE if name == "ntext" else 0x7FFFFFFF)
            return bytes([_OLD_TEXTS[name]]) + size + (b"" if name == "image" else COLLATION)
        return {
            "bit": b"\x68\x01",
            "date": b"\x28",
            "uniqueidentifier": b"\x24\x10",
            "sql_variant": b"\x62" + struct.pack("<I", 8009),
            "xml": b"\xf1\x00",
        }[name]

    def encode(self, value: object) -> bytes:
        """Return a value with its length before it, as in a ROW; None is NULL."""
        name = self.name
        if name in _TEXTS or name in _BYTES or name == "xml":
            data = None if value is None else self._characters(value)
            if self.length == MAX or name == "xml":
                return _partial(data)
            return struct.pack("<H", _SHORT_NULL) if data is None else struct.pack("<H", len(data)) + data
        if name in _OLD_TEXTS:
            if value is None:
                return b"\0"
            data = self._characters(value)
            return b"\x10" + bytes(16) + bytes(8) + struct.pack("<I", len(data)) + data
        if name == "sql_variant":
            return _variant(value)
        if value is None:
            return b"\0"
        data = self._bare(value)
        return bytes([len(data)]) + data

    @property
    def _decimal_size(self) -> int:
        return 4 if self.precision <= 9 else 8 if self.precision <= 19 else 12 if self.precision <= 28 else 16

    def _characters(self, value: object) -> bytes:
        if self.name in _BYTES or self.name == "image":
            if isinstance(value, str):
                return value.encode("utf-8")
            return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
        wide = self.name.startswith("n") or self.name == "xml"
        return text.encode("utf-16-le", "surrogatepass") if wide else text.encode(CODE_PAGE, "replace")

    def _bare(self, value: object) -> bytes:
        name = self.name
        if name == "bit":
            return b"\1" if value and value != "0" else b"\0"
        if name in _INTEGERS:
            whole = int(value) if isinstance(value, bool) else int(str(value))
            return whole.to_bytes(_INTEGERS[name], "little", signed=name != "tinyint")
        if name in _FLOATS:
            return struct.pack("<f" if name == "real" else "<d", float(str(value)))
        if name in _MONEY:
            whole = int((Decimal(str(value)) * 10000).to_integral_value())
            if name == "smallmoney":
                return whole.to_bytes(4, "little", signed=True)
            data = whole.to_bytes(8, "little", signed=True)
            return data[4:] + data[:4]
        if name in _DECIMALS:
            with localcontext() as context:
                context.prec = 80
                whole = int(Decimal(str(value)).scaleb(self.scale).quantize(Decimal(1), ROUND_HALF_UP))
            return (b"\0" if whole < 0 else b"\1") + abs(whole).to_bytes(self._decimal_size, "little")
        if name == "uniqueidentifier":
            return (value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))).bytes_le
        return self._moment(value)

    def _moment(self, value: object) -> bytes:
        if self.name == "date":
            return _days(_as_datetime(value).date())
        if self.name == "time":
            return self._clock(value if isinstance(value, time) else time.fromisoformat(str(value)))
        moment = _as_datetime(value)
        if self.name == "datetimeoffset":
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            there, offset = aware.astimezone(UTC), aware.utcoffset() or timedelta()
            minutes = struct.pack("<h", int(offset.total_seconds() // 60))
            return self._clock(there.time()) + _days(there.date()) + minutes
        if self.name == "datetime2":
            return self._clock(moment.time()) + _days(moment.date())
        since = moment.replace(tzinfo=None) - _EPOCH
        seconds = since.seconds + since.microseconds / 1_000_000
        if self.name == "smalldatetime":
            return struct.pack("<HH", since.days, round(seconds / 60))
        return struct.pack("<iI", since.days, round(seconds * 300))

    def _clock(self, moment: time) -> bytes:
        micro = ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1_000_000 + moment.microsecond
        ticks: int = micro * 10**self.scale // 1_000_000
        return ticks.to_bytes(_clock_size(self.scale), "little")

    # --- From the wire to this machine -------------------------------------------------------------

    @staticmethod
    def read(reader: Reader) -> tuple[SqlType, int]:
        """Read a TYPE_INFO; return the type, and for a type of one length only that length, else 0."""
        token = reader.number(1)
        if token in _FIXED:
            name, size = _FIXED[token]
            return SqlType(name), size
        sized = {0x26: _INTEGERS, 0x6D: _FLOATS, 0x6E: _MONEY, 0x6F: _MOMENTS}
        if token in sized:
            size = reader.number(1)
            return SqlType(next(name for name, wide in sized[token].items() if wide == size)), 0
        for names in (_DECIMALS, _SCALED, _TEXTS, _BYTES, _OLD_TEXTS):
            for name, known in names.items():
                if known == token:
                    return _read_details(name, reader), 0
        match token:
            case 0x1F:  # a NULL of no type
                return SqlType("sql_variant"), MAX
            case 0x24 | 0x68:
                reader.take(1)
                return SqlType("uniqueidentifier" if token == 0x24 else "bit"), 0
            case 0x28:
                return SqlType("date"), 0
            case 0x62:
                reader.take(4)
                return SqlType("sql_variant"), 0
            case 0xF1:
                if reader.number(1):
                    raise ValueError("an XML parameter with a schema")
                return SqlType("xml"), 0
            case _:
                raise ValueError(f"a parameter of the unknown type 0x{token:02X}")

    def decode(self, reader: Reader, fixed: int = 0) -> object:
        """Read a value of this type."""
        if fixed == MAX:
            return None
        if fixed:
            return self._value(reader.take(fixed))
        name = self.name
        if name == "xml" or ((name in _TEXTS or name in _BYTES) and self.length == MAX):
            data = _read_partial(reader)
            return None if data is None else self._value(data)
        if name in _TEXTS or name in _BYTES:
            size = reader.number(2)
            return None if size == _SHORT_NULL else self._value(reader.take(size))
        if name in _OLD_TEXTS or name == "sql_variant":
            size = reader.number(4)  # in a parameter there is no text pointer
            return None if size == 0xFFFFFFFF else self._value(reader.take(size))
        size = reader.number(1)
        return self._value(reader.take(size)) if size else None

    def _value(self, data: bytes) -> object:
        name = self.name
        if name in {"nvarchar", "nchar", "ntext", "xml"}:
            return data.decode("utf-16-le", "surrogatepass")
        if name in _TEXTS or name == "text":
            return data.decode(CODE_PAGE, "surrogateescape")
        if name in _BYTES or name in {"image", "sql_variant"}:
            return data
        if name == "bit":
            return bool(data[0])
        if name in _INTEGERS:
            return int.from_bytes(data, "little", signed=name != "tinyint")
        if name in _FLOATS:
            found: float = struct.unpack("<f" if len(data) == 4 else "<d", data)[0]
            return found
        if name in _MONEY:
            whole = int.from_bytes(data[4:] + data[:4] if len(data) == 8 else data, "little", signed=True)
            return Decimal(whole).scaleb(-4)
        if name in _DECIMALS:
            sign = 1 if data[0] else -1
            with localcontext() as context:
                context.prec = 80
                return Decimal(sign * int.from_bytes(data[1:], "little")).scaleb(-self.scale)
        if name == "uniqueidentifier":
            return uuid.UUID(bytes_le=data)
        return self._moment_from(data)

    def _moment_from(self, data: bytes) -> object:
        name = self.name
        if name == "date":
            return _FIRST_DAY + timedelta(days=int.from_bytes(data, "little"))
        if name == "datetime":
            days, ticks = struct.unpack("<iI", data)
            return _EPOCH + timedelta(days=days, milliseconds=round(ticks / 0.3))
        if name == "smalldatetime":
            days, minutes = struct.unpack("<HH", data)
            return _EPOCH + timedelta(days=days, minutes=minutes)
        size = _clock_size(self.scale)
        micro = int.from_bytes(data[:size], "little") * 1_000_000 // 10**self.scale
        if name == "time":
            return (_EPOCH + timedelta(microseconds=micro)).time()
        day = _FIRST_DAY + timedelta(days=int.from_bytes(data[size : size + 3], "little"))
        moment = datetime.combine(day, time()) + timedelta(microseconds=micro)
        if name == "datetime2":
            return moment
        offset = timezone(timedelta(minutes=int.from_bytes(data[size + 3 :], "little", signed=True)))
        return moment.replace(tzinfo=UTC).astimezone(offset)


def type_for(value: object) -> SqlType:
    """Return the type in which SQL Server would give a value whose type nothing else tells."""
    match value:
        case bool():
            return SqlType.of("bit")
        case int():
            return SqlType.of("int" if -(2**31) <= value < 2**31 else "bigint")
        case float():
            return SqlType.of("float")
        case Decimal():
            return SqlType.of("decimal(38, 10)")
        case bytes():
            return SqlType.of("varbinary(max)")
        case datetime():
            return SqlType.of("datetime2(7)")
        case date():
            return SqlType.of("date")
        case time():
            return SqlType.of("time(7)")
        case uuid.UUID():
            return SqlType.of("uniqueidentifier")
        case str() if len(value) > 4000:
            return SqlType.of("nvarchar(max)")
        case _:
            return SqlType.of("nvarchar(4000)")


def _read_details(name: str, reader: Reader) -> SqlType:
    if name in _DECIMALS:
        reader.take(1)
        return SqlType(name, precision=reader.number(1), scale=reader.number(1))
    if name in _SCALED:
        return SqlType(name, scale=reader.number(1))
    if name in _OLD_TEXTS:
        reader.take(4 if name == "image" else 4 + len(COLLATION))
        return SqlType(name)
    size = reader.number(2)
    if name in _TEXTS:
        reader.take(len(COLLATION))
    length = MAX if size == _SHORT_NULL else size // (2 if name.startswith("n") else 1)
    return SqlType(name, length=length)


def _partial(data: bytes | None) -> bytes:
    """Return partially length-prefixed bytes: [MS-TDS] 2.2.5.2.3."""
    if data is None:
        return struct.pack("<Q", _PLP_NULL)
    chunk = struct.pack("<I", len(data)) + data if data else b""
    return struct.pack("<Q", len(data)) + chunk + bytes(4)


def _read_partial(reader: Reader) -> bytes | None:
    if reader.number(8) == _PLP_NULL:
        return None
    chunks = []
    while size := reader.number(4):
        chunks.append(reader.take(size))
    return b"".join(chunks)


def _variant(value: object) -> bytes:
    """Return a sql_variant: base type, its properties, the bare value ([MS-TDS] 2.2.5.5.4)."""
    if value is None:
        return bytes(4)
    if isinstance(value, int):
        data = b"\x38\x00" + struct.pack("<i", value)
    else:
        text = str(value).encode("utf-16-le")
        data = b"\xe7\x07" + COLLATION + struct.pack("<H", 8000) + text
    return struct.pack("<I", len(data)) + data


def _days(day: date) -> bytes:
    return (day - _FIRST_DAY).days.to_bytes(3, "little")


def _clock_size(scale: int) -> int:
    return 3 if scale <= 2 else 4 if scale <= 4 else 5


def _as_datetime(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    return datetime.fromisoformat(str(value))
