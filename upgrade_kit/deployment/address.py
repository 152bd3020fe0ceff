"""Where a database is: the URL forms that ``--database`` takes, and how an address is shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from urllib.parse import parse_qsl, quote, unquote, urlencode

from upgrade_kit.errors import UsageError

FORMS = (
    "sqlite:///relative.file",
    "sqlite:////absolute/file",
    "sqlite:///C:/file",
    "mssql://user:password@host:port/name?driver=...",
    "postgresql://user:password@host:port/name",
    "mysql://user:password@host:port/name",
)

_VENDORS = {
    "sqlite": "sqlite",
    "mssql": "microsoft",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_SCHEMES = {"sqlite": "sqlite", "microsoft": "mssql", "postgresql": "postgresql", "mysql": "mysql"}
_WINDOWS_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_SECRET_KEY = re.compile(r"pass|pwd|secret|token", re.IGNORECASE)
_PORTS = range(1, 65536)
_DEFAULT_PORTS = {"microsoft": "1433", "postgresql": "5432", "mysql": "3306"}
_THIS_MACHINE = frozenset({"", "localhost", "127.0.0.1", "::1", ".", "(local)"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddress:
    r"""Where a database is and how to log in there.

    Attributes:
        vendor: ``sqlite``, ``postgresql``, ``mysql`` (MariaDB too) or ``microsoft``.
        name: the database's name; for SQLite the absolute path of its file.
        user: login name, or ``""``.
        password: never shown, neither by ``repr`` nor by ``shown``.
        host: host name or address (``host\INSTANCE`` for a named SQL Server), or ``""``.
        port: digits, or ``""`` for the vendor's own.
        options: ``(key, value)`` pairs for the driver, as in the URL's query.
    """

    vendor: str
    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    port: str = ""
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def shown(self) -> str:
        """The address as a URL without the password; ``parse_database_url`` takes it back."""
        query = urlencode([pair for pair in self.options if not _holds_secret(*pair)], quote_via=quote, safe="/\\")
        tail = f"?{query}" if query else ""
        if self.vendor == "sqlite":
            name = self.name.replace("\\", "/") if _WINDOWS_ABSOLUTE.match(self.name) else self.name
            return f"sqlite:///{quote(os.fsencode(name), safe='/:~')}{tail}"
        login = f"{quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="\\.,")
        port = f":{self.port}" if self.port else ""
        return f"{_SCHEMES[self.vendor]}://{login}{host}{port}/{quote(self.name, safe='')}{tail}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must appear in no message."""
        hidden = [value for key, value in self.options if _holds_secret(key, value)]
        return tuple(text for text in (self.password, *hidden) if text)

    def leads_where(self, other: DatabaseAddress) -> bool:
        """Return whether both lead to the same database, whoever logs in."""
        if self.vendor != other.vendor:
            return False
        if self.vendor == "sqlite":
            try:
                return Path(self.name).samefile(other.name)
            except OSError:
                return os.path.normcase(os.path.realpath(self.name)) == os.path.normcase(os.path.realpath(other.name))
        return self.name.lower() == other.name.lower() and self._server == other._server

    @property
    def _server(self) -> tuple[str, str, str]:
        host, _, instance = self.host.lower().partition("\\")
        return "" if host in _THIS_MACHINE else host, instance, self.port or _DEFAULT_PORTS[self.vendor]


def parse_database_url(text: str, *, base: Path, password: str | None = None) -> DatabaseAddress:
    """Read a database URL.

    Args:
        text: one of the forms in ``FORMS``; user, password, host and name may be percent-encoded.
        base: the folder that a relative SQLite path starts from.
        password: fills in where the URL names no password.

    Raises:
        UsageError: no database URL. The message names the forms, never the text, which may hold a password.
    """
    scheme, separator, rest = text.strip().partition("://")
    vendor = _VENDORS.get(scheme.lower())
    if not separator or vendor is None:
        said = f"there is no database URL form {scheme!r}" if separator and scheme.isalnum() else "no database URL"
        raise _malformed(said)
    body, _, query = rest.partition("?")
    try:
        options = tuple(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise _malformed(f"the part after '?' of the {scheme} URL is not key=value&key=value") from None
    if vendor == "sqlite":
        return DatabaseAddress(vendor=vendor, name=_sqlite_file(body, base), options=options)
    address = _server(vendor, body, options)
    if password and not address.password:
        address = replace(address, password=password)
    return address


def _server(vendor: str, body: str, options: tuple[tuple[str, str], ...]) -> DatabaseAddress:
    # The last "@" ends the login, so that a password with a bare "@" in it is still read as meant.
    login, _, place = body.rpartition("@")
    place, _, name = place.partition("/")
    user, _, password = login.partition(":")
    host, port = _host_and_port(vendor, unquote(place))
    name = unquote(name.rstrip("/"))
    if not name:
        raise _malformed(f"the {_SCHEMES[vendor]} URL names no database after the host")
    if not host and not any(key.lower() == "dsn" for key, _ in options):
        raise _malformed(f"the {_SCHEMES[vendor]} URL names no host")
    return DatabaseAddress(
        vendor=vendor,
        name=name,
        user=unquote(user),
        password=unquote(password),
        host=host,
        port=port,
        options=options,
    )


def _host_and_port(vendor: str, place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, closing, port = place[1:].partition("]")
        if not closing or (port and not port.startswith(":")):
            raise _malformed("the address in square brackets is not closed")
        port = port[1:]
    elif vendor == "microsoft" and "," in place:  # SQL Server's own way of writing it
        host, _, port = place.partition(",")
    else:
        host, _, port = place.partition(":")
    if port and not (port.isascii() and port.isdigit() and int(port) in _PORTS):
        raise _malformed("the port is not a number from 1 to 65535; in user and password write @ : / ? % as %XX")
    return host, port


def _sqlite_file(body: str, base: Path) -> str:
    if not body.startswith("/"):
        raise _malformed("an SQLite URL has three slashes before a relative path and four before an absolute one")
    path = unquote(body[1:], errors="surrogateescape")
    if not path or path == ":memory:":
        raise _malformed("the SQLite URL names no file")
    if "\0" in path:
        raise _malformed("the SQLite URL's path holds a NUL character")
    if _WINDOWS_ABSOLUTE.match(path):
        return str(PureWindowsPath(path))
    return os.path.abspath(base / path)  # noqa: PTH100 - Path.absolute() would keep ".."


def _holds_secret(key: str, value: str) -> bool:
    return bool(_SECRET_KEY.search(key) or ("=" in value and _SECRET_KEY.search(value)))


def _malformed(what: str) -> UsageError:
    return UsageError(f"--database: {what}", hint=f"The forms are: {'  '.join(FORMS)}")
