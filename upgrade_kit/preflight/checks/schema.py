"""Is the schema whole, is it the code's, and is there a way from it to the target?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, assert_never

from upgrade_kit.model.deployment import (
    Checkout,
    Database,
    Schema,
    SchemaState,
)
from upgrade_kit.model.finding import Finding, NotApplicable, Passed
from upgrade_kit.model.path import Release, UpgradePath
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.migrating import migration_to_type
from upgrade_kit.preflight.check import Answer, check, counted, error, to_type, warning
from upgrade_kit.preflight.facts import Facts, SiteDatabase, both, then


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutAndSchema:
    """The code's version beside the schema's, and the path where it is known."""

    agree: bool
    checkout: Checkout
    schema: Schema
    path: UpgradePath | Unobserved

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        code, data = facts.get(Checkout), facts.get(Schema)
        known = both(code, data, lambda checkout, schema: (checkout, schema))
        if isinstance(known, Unobserved):
            return known
        agree = facts.deployment.versions_agree
        if isinstance(agree, Unobserved):
            return agree
        return cls(agree=agree, checkout=known[0], schema=known[1], path=facts.get(UpgradePath))


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFromSchema:
    """The path beside the schema that it should start from."""

    path: UpgradePath
    schema: Schema | Unobserved

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(facts.get(UpgradePath), lambda way: cls(path=way, schema=facts.get(Schema)))


@check(
    "UK301",
    "The schema is at the end of one version's migrations",
    reads=SiteDatabase,
    section="docs/install/win.rst (v0.3.0), Migrate your database; docs/facts.md, Locale, Orphans and Versions",
    remedy="Restore the backup from before the migration, or let the migration that stopped run to its end.",
)
def schema_is_whole(fact: SiteDatabase) -> Answer:
    """A migration that died half way leaves a schema that neither release can run on."""
    schema = fact.database.schema
    if isinstance(schema, Unobserved):
        return schema
    match schema.state:
        case SchemaState.COMPLETE:
            return _complete(schema)
        case SchemaState.PARTIAL:
            return [_half_way(fact, schema)]
        case SchemaState.SKIPPED:
            return NotApplicable("a version was skipped, see UK302")
        case SchemaState.EMPTY:
            return [_empty(fact.database)]
        case SchemaState.FOREIGN:
            return [_foreign(fact.database, schema)]
        case _:
            assert_never(schema.state)


def _complete(schema: Schema) -> Answer:
    if not schema.unknown:
        return Passed(schema.span or str(schema.version))
    return [
        warning(
            f"the schema is that of {schema.version}, with {counted(schema.unknown, 'migration')} besides "
            f"that no release has: {', '.join(schema.unknown)}",
            where="migration history",
            hint="Find out what they change, and try the upgrade on a copy of the database first.",
        )
    ]


def _half_way(fact: SiteDatabase, schema: Schema) -> Finding:
    message = "A migration stopped before its end. " + " ".join(schema.evidence)
    if schema.missing:
        message += f" Missing: {', '.join(schema.missing)}."
    if schema.unknown:
        message += f" Applied, and in no release: {', '.join(schema.unknown)}."
    cause, lines = _cause(fact.database, schema)
    again = "python manage.py migrate"
    if schema.towards is not None:
        again = migration_to_type(schema.towards, fact.database.vendor)
    return error(
        message,
        where="migration history",
        hint="\n".join(
            to_type(f"{sentence}:", *line, again)
            for sentence, line in _ways_on(
                f"{cause} Leave the site stopped. Either remove the cause and run the same command again; it goes on "
                "where it stopped",
                lines,
            )
        )
        + "\n"
        + to_type(
            "Or restore the backup that was made before the migration, and start again:",
            f"upgrade-kit backup restore MANIFEST --database {quoted(fact.database.url)} --replace",
        ),
    )


def _ways_on(sentence: str, lines: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return one block for both shells, or one for each where their lines differ."""
    if not lines:
        return ((sentence, ()),)
    bash, powershell = lines
    return ((f"{sentence}. In bash", (bash,)), ("In PowerShell", (powershell,)))


def _cause(database: Database, schema: Schema) -> tuple[str, tuple[str, ...]]:
    """Return what is known to stop the migration at this place, and the lines for bash and PowerShell against it."""
    missing = {name.split(".", 1)[-1] for name in schema.missing if name.startswith("qa.")}
    if "0002_029_to_030_first" in missing:
        return (
            "Known to stop it here: a schema that skipped 0.2.9, or no row 1 in django_site (UK305).",
            (),
        )
    if "0002_029_to_030_2nd" in missing:
        orphans = database.orphans
        named = f": {', '.join(orphans)}" if isinstance(orphans, tuple) and orphans else ""
        return (f"Known to stop it here: a unit test collection whose test list is gone{named}.", ())
    if "0014_convert_file_uploads" in missing:
        return (
            f"Known to stop it here: a test name that the locale cannot print{_not_ascii(database)}.",
            ("export LC_ALL=C.UTF-8", '$env:PYTHONIOENCODING = "utf-8"'),
        )
    return ("The screen or migrate.log of that run tells what stopped it.", ())


def _not_ascii(database: Database) -> str:
    if isinstance(database.procedures, Unobserved):
        return ""
    names = [
        procedure.name
        for procedure in database.procedures
        if procedure.type == "upload"
        and "file" in (procedure.source or "").casefold()
        and not (procedure.name + procedure.slug).isascii()
    ]
    return f": {', '.join(names)}" if names else ""


def _empty(database: Database) -> Finding:
    tables = f"it has {counted(database.tables, 'table')}, none of QATrack+" if database.tables else "it is empty"
    return error(
        f"{database.name} is not the site's database: {tables}",
        where=database.url,
        hint=to_type(
            "Name the site's database. (0.3.0 quietly makes an empty db/default.db where local_settings.py "
            "cannot be imported.)",
            "upgrade-kit preflight --database URL",
        ),
    )


def _foreign(database: Database, schema: Schema) -> Finding:
    unknown = f"; migrations that no known release has: {', '.join(schema.unknown)}" if schema.unknown else ""
    evidence = "".join(f" {sentence}" for sentence in schema.evidence)
    return error(
        f"the schema of {database.name} is not one of QATrack+ that the rules know{unknown}.{evidence}",
        where=database.url,
        hint=_newer_or_changed() if schema.unknown else _another_or_older(),
    )


def _newer_or_changed() -> str:
    return (
        "It is of a QATrack+ that these rules do not know yet, or the migrations that are named were added by somebody "
        "here. Of its own migrations find out what they changed, and try the upgrade on a copy of the database first."
    )


def _another_or_older() -> str:
    return (
        "Check that this is QATrack+'s database. If it is older than 0.2.8, upgrade it to 0.2.8 "
        "first, as its release notes say."
    )


@check(
    "UK302",
    "No version was skipped, and no data is spoilt",
    reads=SiteDatabase,
    section="migrations qa and units 0002_029_to_030_first (v0.3.0); docs/facts.md, Skipping 0.2.9",
    remedy="Restore the backup from before the migration, and go by way of 0.2.9.",
)
def nothing_was_skipped(fact: SiteDatabase) -> Answer:
    """0.2.8 taken straight to 0.3.0 on SQLite ends with exit status 0 and column names in place of data."""
    database, schema = fact.database, fact.database.schema
    if isinstance(schema, Unobserved):
        return schema
    skipped = schema.state is SchemaState.SKIPPED
    if isinstance(database.spoilt, Unobserved) and not skipped:
        return database.spoilt
    spoilt = database.spoilt if isinstance(database.spoilt, tuple) else ()
    if not skipped and not spoilt:
        return Passed()
    message = "the schema was taken past a version that it had to go through" if skipped else ""
    if skipped and schema.version is not None and schema.towards is not None:
        message = f"the schema was taken from {schema.version} to {schema.towards} and 0.2.9 was skipped"
    if spoilt:
        also = f"{message}: " if message else ""
        message = (
            f"{also}data was spoilt silently, although every command ended with exit status 0; "
            f"the column's own name stands in every row of {', '.join(spoilt)}"
        )
    else:
        message += ", which spoils data silently although every command ends with exit status 0"
    return [
        error(
            message,
            where=database.url,
            hint=to_type(
                "Do not go on with this database: what was overwritten is not in it any more. Restore the "
                "backup that was made before the migration, then go 0.2.8 -> 0.2.9.1 -> 0.3.0.",
                f"upgrade-kit backup restore MANIFEST --database {quoted(database.url)} --replace",
                "upgrade-kit path --from 0.2.8 --to 0.3.0",
            ),
        )
    ]


@check(
    "UK303",
    "The checked-out code and the schema are of the same version",
    reads=CheckoutAndSchema,
    section="docs/install/win.rst (v0.3.0), Checking out version 0.2.9 and 0.3.0; docs/facts.md, Versions",
    remedy="Check out the release that the schema belongs to, or name the right database with --database.",
)
def code_matches_schema(fact: CheckoutAndSchema) -> Answer:
    """The migrations that run are those of the code on disk, whatever the plan says."""
    checkout, schema = fact.checkout, fact.schema
    if fact.agree:
        return Passed(schema.span or str(schema.version))
    code = "an unknown version" if isinstance(checkout.version, Unobserved) else str(checkout.version)
    message = f"the code is of {code} and the schema of {schema.version}"
    where = str(checkout.root)
    if isinstance(fact.path, Unobserved):
        return [
            error(
                message,
                where=where,
                hint="Check out the release that the schema belongs to, or give the right --database.",
            )
        ]
    source = fact.path.source
    following = fact.path.releases[1] if fact.path.hops else None
    if following is not None and code == str(following.version):
        return [
            warning(
                f"{message}: a hop was begun and its migration has not run",
                where=where,
                hint=to_type(
                    f"Go on at the migration to {following.version}:",
                    f"upgrade-kit path --from {source.version} --to {following.version}",
                ),
            )
        ]
    return [error(f"{message}; do not migrate with this code", where=where, hint=_check_out(source))]


def _check_out(source: Release) -> str:
    return to_type(
        "Check out the release that the schema belongs to, or name the right database with --database:",
        f"git checkout {source.tag}",
    )


@check(
    "UK309",
    "There is a path from the site's version to the target",
    reads=PathFromSchema,
    section="docs/install/win.rst and linux.rst (v0.3.0), Upgrading from version 0.2.8 and 0.2.9",
    remedy="Leave --from out, or name the version that the schema has.",
)
def path_is_known(fact: PathFromSchema) -> Answer:
    """Without a path nobody can say which checks apply, so that silence would not mean that all is well."""
    path, schema = fact.path, fact.schema
    start = path.source.version
    if isinstance(schema, Schema) and schema.state in (SchemaState.PARTIAL, SchemaState.SKIPPED):
        return NotApplicable("the schema is between two versions, and no path starts there: see UK301 and UK302")
    if isinstance(schema, Schema) and schema.version is not None and schema.version != start:
        return [
            error(
                f"the path was asked for from {start}, and the schema is of {schema.version}",
                hint=f"Leave out --from, or say --from {schema.version}.",
            )
        ]
    if not path.hops:
        return Passed(f"the site is at {start} already")
    return Passed(" -> ".join(str(version) for version in path.versions))


CHECKS = (schema_is_whole, nothing_was_skipped, code_matches_schema, path_is_known)
