"""The kit's own checks, by subject. They come in through the entry point group like anybody's."""

from __future__ import annotations

from typing import Any

from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.checks import data, database, files, iis, interpreter, procedures, schema, service, settings

CHECKS: tuple[Check[Any], ...] = (
    interpreter.target_has_python,
    interpreter.releases_on_the_way_have_python,
    database.engine_loads,
    database.database_answers,
    database.session_is_read_only,
    database.verified_backup_exists,
    schema.schema_is_whole,
    schema.nothing_was_skipped,
    schema.code_matches_schema,
    data.no_orphaned_collections,
    data.default_site_exists,
    procedures.names_can_be_printed,
    data.foreign_keys_have_tables,
    data.sqlite_keeps_foreign_keys,
    schema.path_is_known,
    procedures.no_procedure_needs_rewriting,
    procedures.no_procedure_needs_review,
    procedures.procedures_can_be_parsed,
    procedures.no_composite_uses_choices,
    procedures.other_procedures_run,
    settings.local_settings_are_read,
    settings.settings_are_python_3,
    settings.settings_are_known,
    settings.debug_is_off,
    settings.hosts_are_named,
    settings.time_zone_is_known,
    settings.secret_key_is_own,
    settings.secrets_are_not_open,
    settings.imports_are_found,
    settings.server_is_written_right,
    settings.options_are_read,
    settings.settings_are_still_read,
    settings.lists_are_the_targets,
    files.disk_has_room,
    files.migration_log_is_there,
    service.script_names_the_site,
    service.service_has_its_environment,
    service.ports_are_not_shared,
    service.port_is_a_number,
    service.service_starts_by_itself,
    service.service_is_stopped,
    iis.static_files_come_first,
    iis.pages_reach_the_service,
    iis.ports_agree,
    iis.proxy_is_on,
    iis.modules_are_installed,
    iis.folder_is_the_sites,
    iis.address_is_its_own,
)
