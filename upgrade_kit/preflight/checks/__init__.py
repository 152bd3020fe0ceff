"""The kit's own checks, by subject. They come in through the entry point group like anybody's."""

from __future__ import annotations

from typing import Any

from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.checks import (
    backup,
    data,
    database,
    files,
    iis,
    interpreter,
    procedures,
    schema,
    service,
    settings,
    tables,
)

CHECKS: tuple[Check[Any], ...] = (
    *backup.CHECKS,
    *data.CHECKS,
    *database.CHECKS,
    *files.CHECKS,
    *iis.CHECKS,
    *interpreter.CHECKS,
    *procedures.CHECKS,
    *schema.CHECKS,
    *service.CHECKS,
    *settings.CHECKS,
    *tables.CHECKS,
)
