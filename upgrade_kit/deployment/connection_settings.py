"""How a connection is asked for: Django's settings of one database, for each vendor."""

from __future__ import annotations

import re

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.sqlite_uri import sqlite_uri
from upgrade_kit.deployment.sqlserver_options import sqlserver_options

CONNECT_SECONDS = 10
BUSY_SECONDS = 5.0

ENGINES = {
    "sqlite": "django.db.backends.sqlite3",
    "postgresql": "django.db.backends.postgresql",
    "mysql": "django.db.backends.mysql",
    "microsoft": "mssql",
}


def settings_of(address: DatabaseAddress, *, writable: bool) -> dict[str, object]:
    """Return what stands in ``DATABASES`` for this database.

    Raises:
        DatabaseError: SQL Server's driver is not there, or takes no such option or password.
    """
    name, host, port, password = address.name, address.host, address.port, address.password
    options: dict[str, object] = {}
    match address.vendor:
        case "sqlite":
            name = sqlite_uri(name, mode="rw" if writable else "ro")
            options = {
                "timeout": BUSY_SECONDS,
                "detect_types": 0,  # a date that is none must not end a read
                # No key is changed here, and a reference to a table that is gone must not end an update.
                "init_command": "PRAGMA foreign_keys = OFF",
            }
            options |= {key: float(value) for key, value in address.options if key == "timeout" and _is_number(value)}
        case "postgresql":
            options = {
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "upgrade-kit",
                **dict(address.options),
            }
        case "mysql":
            isolation = "read committed" if writable else "repeatable read"
            options = {
                "connect_timeout": CONNECT_SECONDS,
                "isolation_level": isolation,
                **_typed(address.options),
            }
        case _:
            host, port, password, options = sqlserver_options(address, connect_seconds=CONNECT_SECONDS)
    return {
        "ENGINE": ENGINES[address.vendor],
        "NAME": name,
        "USER": address.user,
        "PASSWORD": password,
        "HOST": host,
        "PORT": port,
        "OPTIONS": options,
        "TIME_ZONE": None,
        "ATOMIC_REQUESTS": False,
        "AUTOCOMMIT": True,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "TEST": {"CHARSET": None, "COLLATION": None, "MIGRATE": True, "MIRROR": None, "NAME": None},
    }


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)?", text))


def _typed(options: tuple[tuple[str, str], ...]) -> dict[str, object]:
    """Return MySQL's options with whole numbers as numbers; the driver takes no texts for them."""
    return {key: int(value) if value.isascii() and value.isdigit() else value for key, value in options}
