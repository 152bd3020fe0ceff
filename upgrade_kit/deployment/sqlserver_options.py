"""SQL Server's ODBC driver, and what each of them is to be told so that it takes what is meant."""

from __future__ import annotations

import re
from pathlib import Path

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.errors import DatabaseError

_MICROSOFT_DRIVER = re.compile(r"ODBC Driver .* for SQL Server|SQL Server Native Client.*")
_PREFERRED_DRIVERS = (
    "ODBC Driver 18 for SQL Server",
    "ODBC Driver 17 for SQL Server",
    "ODBC Driver 13.1 for SQL Server",
    "ODBC Driver 13 for SQL Server",
    "ODBC Driver 11 for SQL Server",
    "SQL Server Native Client 11.0",
    "SQL Server Native Client 10.0",
    "SQL Server",
    "FreeTDS",
)
# Options that mssql-django reads itself; any other is a keyword of the ODBC connection string.
_BACKEND_OPTIONS = frozenset({"driver", "dsn", "extra_params", "driver_charset", "collation", "isolation_level"})
# Options of older backends that have no meaning any more.
_DROPPED_OPTIONS = frozenset(
    {
        "provider",
        "use_legacy_date_fields",
        "use_mars",
        "unicode_results",
        "driver_supports_utf8",
        "driver_needs_utf8",
    }
    | {"host_is_server", "query_timeout", "connection_timeout", "connection_retries", "python_driver"}
    | {"connection_retry_backoff_time", "autocommit", "datefirst"}
)


def sqlserver_options(address: DatabaseAddress, *, connect_seconds: int) -> tuple[str, str, str, dict[str, object]]:
    """Return host, port, password and options as mssql-django wants them for the driver that is there.

    Args:
        address: where to.
        connect_seconds: how long to wait for a connection, where the address says nothing of it.

    Raises:
        DatabaseError: the driver is not there, or takes no such option or password.
    """
    given = {key.lower(): value for key, value in address.options}
    driver = "" if "dsn" in given else _odbc_driver(given.get("driver", ""))
    timeout = given.get("connection_timeout", "")
    options: dict[str, object] = {
        # The backend's own retries would hide a plain "cannot open database" for half a minute.
        "connection_timeout": int(timeout) if timeout.isdecimal() else connect_seconds,
        "connection_retries": 0,
        **{key: value for key, value in given.items() if key in _BACKEND_OPTIONS - {"extra_params"}},
    }
    keywords = {
        key: value
        for key, value in address.options
        if key.lower() not in _BACKEND_OPTIONS and key.lower() not in _DROPPED_OPTIONS
    }
    host, port, password = address.host, address.port, address.password
    if driver:
        options["driver"] = driver
        if not _MICROSOFT_DRIVER.match(driver):
            options["host_is_server"] = True
            if "tds" in driver.lower():
                keywords = {"TDS_Version": "7.4", "ClientCharset": "UTF-8", **keywords}
                options["extra_params"], password = _freetds_password(password, address)
            else:
                # A Microsoft driver under another name (the one Windows brings, a path): "host,port".
                host, port = (f"{host},{port}" if port else host), ""
                if not address.user:
                    keywords = {"Trusted_Connection": "yes", **keywords}
    extra = ";".join(f"{key}={_odbc_value(key, value, address)}" for key, value in keywords.items())
    parts = (str(options.get("extra_params", "")), given.get("extra_params", ""), extra)
    options["extra_params"] = ";".join(part for part in parts if part)
    return host, port, password, options


def _freetds_password(password: str, address: DatabaseAddress) -> tuple[str, str]:
    """Return what to add to FreeTDS's connection string for this password, and the password to give besides.

    mssql-django doubles a closing brace inside braces, as Microsoft's driver wants it. FreeTDS takes a doubled
    one for two, ends a value at the first brace with a semicolon behind it, and of two passwords takes the last.
    """
    if not (";" in password or password.lstrip().startswith("{")):
        return "", password
    if "};" in password:
        raise DatabaseError(
            f"{address.shown}: FreeTDS cannot be given a password that holds a closing brace and a semicolon together.",
            hint="Use Microsoft's driver: &driver=ODBC Driver 18 for SQL Server",
        )
    return f"PWD={{{password}}}", ""


def _odbc_value(key: str, value: str, address: DatabaseAddress) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ]*", key):
        raise DatabaseError(f"{address.shown}: {key!r} is no option of an ODBC connection.")
    return "{" + value.replace("}", "}}") + "}" if re.search(r"[;{}]", value) else value


def _odbc_driver(wanted: str) -> str:
    import pyodbc  # noqa: PLC0415 - an extra, and known to be there only now

    installed = sorted(pyodbc.drivers())
    if wanted.startswith("{") and wanted.endswith("}"):
        wanted = wanted[1:-1]
    if wanted:
        # Names are compared as the driver manager does; a path names a driver that nobody registered.
        for name in installed:
            if name.lower() == wanted.lower():
                return str(name)
        if ("/" in wanted or "\\" in wanted) and Path(wanted).is_file():
            return wanted
    else:
        for name in _PREFERRED_DRIVERS:
            if name in installed:
                return name
    listed = f"Installed are: {', '.join(installed)}." if installed else "None is installed."
    what = (
        f"there is no ODBC driver {wanted!r} on this machine." if wanted else "no ODBC driver for SQL Server is known."
    )
    hint = (
        "Add ?driver=NAME with one of those, or install Microsoft's 'ODBC Driver 18 for SQL Server'."
        if installed
        else "Install Microsoft's 'ODBC Driver 18 for SQL Server'."
    )
    raise DatabaseError(f"{what} {listed}", hint=hint)
