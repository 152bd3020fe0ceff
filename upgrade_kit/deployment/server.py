"""What a site's database server says of itself. Only reads, over a connection of its own."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping

from upgrade_kit.deployment import server_mysql, server_postgresql, server_sqlite, server_sqlserver
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.odbc import find_odbc_drivers
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.server import Server
from upgrade_kit.model.unobserved import Unobserved

_NO_DRIVERS = Unobserved("only SQL Server is reached through ODBC", asked=False)


def read_server(address: DatabaseAddress, *, environment: Mapping[str, str] | None = None) -> Server:
    """Ask a database server about itself, the login, and the database as a whole.

    A server that cannot be reached leaves every part of it ``Unobserved``; the ODBC drivers are this machine's.

    Args:
        address: where it is.
        environment: the environment to search for programs; ``None`` means this process's own.
    """
    drivers = find_odbc_drivers(environment) if address.vendor == "microsoft" else _NO_DRIVERS
    try:
        with open_database(address) as session:
            match session.vendor:
                case "sqlite":
                    return server_sqlite.read(session)
                case "postgresql":
                    return server_postgresql.read(session, is_here=is_this_machine(address.host))
                case "mysql":
                    return server_mysql.read(session, is_here=is_this_machine(address.host))
                case _:
                    return server_sqlserver.read(session, drivers)
    except DatabaseError as error:
        return unreachable(address, error.message, drivers)


def unreachable(address: DatabaseAddress, reason: str, drivers: tuple[str, ...] | Unobserved) -> Server:
    """Return what is known of a server that does not answer: this machine's ODBC drivers."""
    why = Unobserved(reason)
    return Server(
        vendor=address.vendor,
        database=address.name,
        identity=why,
        rights=why,
        texts=why,
        room=why,
        sessions=why,
        standing=why,
        recovery=why,
        compatibility_level=why,
        engines=why,
        file=why,
        odbc_drivers=drivers,
    )


def is_this_machine(host: str) -> bool:
    """Tell whether a host, as an address names it, is this machine. No name server is asked."""
    if not host or host.startswith("/"):  # a socket
        return True
    if host.lower() in {"localhost", socket.gethostname().lower()}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
