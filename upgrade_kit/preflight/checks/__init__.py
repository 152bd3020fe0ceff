"""The kit's own checks, by subject. They come in through the entry point group like anybody's."""

from __future__ import annotations

from typing import Any

from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.checks import (
    backup,
    data,
    database,
    database_login,
    database_server,
    database_state,
    database_texts,
    environment,
    files,
    git,
    iis,
    interpreter,
    machine,
    procedures,
    schema,
    service,
    settings,
    sql,
    tables,
    uploads,
    verify,
)

CHECKS: tuple[Check[Any], ...] = (
    *backup.CHECKS,
    *data.CHECKS,
    *database.CHECKS,
    *environment.CHECKS,
    *database_login.CHECKS,
    *database_server.CHECKS,
    *database_state.CHECKS,
    *database_texts.CHECKS,
    *files.CHECKS,
    *git.CHECKS,
    *iis.CHECKS,
    *interpreter.CHECKS,
    *machine.CHECKS,
    *procedures.CHECKS,
    *schema.CHECKS,
    *service.CHECKS,
    *settings.CHECKS,
    *tables.CHECKS,
    *sql.CHECKS,
    *verify.CHECKS,
    *uploads.CHECKS,
)
