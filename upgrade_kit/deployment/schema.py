"""Where a schema stands, told from its migration history alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from upgrade_kit.model.deployment import Schema, SchemaState
from upgrade_kit.model.path import Release

History = Mapping[str, Sequence[str]]

# The last migration of qa by number at the end of releases that no rule covers (their own migrations).
_OLD_RELEASES = ((2, "0.2.5"), (7, "0.2.6"), (14, "0.2.7"))
_NAMED_AT_MOST = 5


def classify(
    south: History | None, django: History | None, tables: Collection[str], releases: tuple[Release, ...]
) -> Schema:
    """Say where the schema stands among the releases.

    Args:
        south: app to migrations as ``south_migrationhistory`` has them, or None where there is no such table.
        django: the same of ``django_migrations``; looked at first, since South's table stays for ever.
        tables: the names of all tables.
        releases: the nodes of the version graph.
    """
    if not tables:
        return _schema(SchemaState.EMPTY, "The database holds no table.")
    if "qa_test" not in tables and not (django or {}).get("qa") and not (south or {}).get("qa"):
        return _schema(SchemaState.FOREIGN, f"None of the {len(tables)} tables is QATrack+'s (there is no qa_test).")
    ordered = sorted(releases, key=lambda release: release.version)
    by_south = [release for release in ordered if release.history == "south"]
    by_django = [release for release in ordered if release.history == "django"]
    if django:
        return _of_django(south or {}, django, by_south, by_django)
    note = ["django_migrations is there, but empty."] if django is not None else []
    if south:
        return _of_south(south, by_south, note)
    return _schema(SchemaState.FOREIGN, "The tables are QATrack+'s, but no migration is recorded.", *note)


def _of_django(south: History, django: History, by_south: Sequence[Release], by_django: Sequence[Release]) -> Schema:
    evidence = [f"django_migrations records {_count(django)} migrations: {_ends(django, by_django)}."]
    if not by_django:
        return _schema(SchemaState.FOREIGN, *evidence, "No rule knows a version with such a table.")
    unknown = _unknown(django, by_django)
    if unknown:
        return _newer(django, by_django, unknown, evidence)
    complete, ahead = _stand(django, by_django)
    node = ahead or complete or by_django[0]
    if south.get("qa") and by_south and (skipped := _missing(south, by_south[-1])):
        came_from, _ = _stand(south, by_south)
        evidence += [
            f"south_migrationhistory records {_ends(south, by_south)}.",
            f"{by_south[-1].version} was skipped: {len(skipped)} not applied, the first is {skipped[0]}.",
            f"A database taken to {node.version} from there holds wrong data, even where no error was shown.",
        ]
        return Schema(
            state=SchemaState.SKIPPED,
            version=came_from.version if came_from else None,
            towards=node.version,
            span="",
            missing=skipped,
            unknown=(),
            evidence=tuple(evidence),
        )
    if complete and not ahead:
        evidence.append(f"All migrations of {complete.version} are applied.")
        return _complete(complete, django, evidence)
    came_from = complete or (by_south[-1] if south.get("qa") and by_south else None)
    return _partial(came_from, node, django, evidence)


def _of_south(south: History, by_south: Sequence[Release], note: list[str]) -> Schema:
    evidence = [
        f"south_migrationhistory records {_ends(south, by_south)}.",
        *note,
    ]
    unknown = _unknown(south, by_south)
    if unknown:
        return _newer(south, by_south, unknown, evidence)
    complete, ahead = _stand(south, by_south)
    if complete is None:
        oldest = by_south[0].version if by_south else "the versions that the rules know"
        evidence.append(f"That is {_old_release(south)}, older than {oldest}.")
        return _schema(SchemaState.FOREIGN, *evidence, span=_old_release(south))
    if ahead:
        return _partial(complete, ahead, south, evidence)
    evidence.append(f"All migrations of {complete.version} are applied, and none of a later version.")
    return _complete(complete, south, evidence)


def _stand(history: History, ordered: Sequence[Release]) -> tuple[Release | None, Release | None]:
    """Return the last release that is complete, and the one after it if some of that is applied too."""
    complete = [release for release in ordered if not _missing(history, release)]
    last = complete[-1] if complete else None
    done = set(_names(last)) if last else set()
    for release in ordered[ordered.index(last) + 1 if last else 0 :]:
        if any(_applied(history, name) for name in _names(release) if name not in done):
            return last, release
        done.update(_names(release))
    return last, None


def _partial(came_from: Release | None, node: Release, history: History, evidence: list[str]) -> Schema:
    missing = _missing(history, node)
    # The application's own app first: the others wait for it.
    app = "qa" if any(name.startswith("qa.") for name in missing) else missing[0].partition(".")[0]
    first = next(name for name in missing if name.startswith(f"{app}."))
    before = f" of {app} after {last}" if (last := _last(app, history, [node])) else f" of {app}"
    source = f"from {came_from.version} " if came_from else ""
    evidence.append(
        f"Half way {source}to {node.version}. Migrations missing: {len(missing)}, the first{before}: {first}."
    )
    return Schema(
        state=SchemaState.PARTIAL,
        version=came_from.version if came_from else None,
        towards=node.version,
        span="",
        missing=missing,
        unknown=(),
        evidence=tuple(evidence),
    )


def _complete(release: Release, history: History, evidence: list[str]) -> Schema:
    return Schema(
        state=SchemaState.COMPLETE,
        version=release.version,
        towards=None,
        span=_span(release, history),
        missing=(),
        unknown=(),
        evidence=tuple(evidence),
    )


def _newer(history: History, ordered: Sequence[Release], unknown: tuple[str, ...], evidence: list[str]) -> Schema:
    names = ", ".join(unknown[:_NAMED_AT_MOST]) + (" ..." if len(unknown) > _NAMED_AT_MOST else "")
    complete, _ = _stand(history, ordered)
    newer = f"newer than {complete.version}, or changed" if complete else "another version, or a changed one"
    evidence.append(f"Applied migrations that are in no known version: {len(unknown)} ({names}); {newer}.")
    span = f"newer than {complete.version}" if complete else ""
    return _schema(SchemaState.FOREIGN, *evidence, span=span, unknown=unknown)


def _span(release: Release, history: History) -> str:
    """Return the releases within the node that this history fits."""
    applied = [first for first, app, name in release.later_migrations if name in history.get(app, ())]
    if applied:
        return f"{max(applied)} or later {release.version}.x"
    if release.later_migrations:
        return str(release.version)
    names = sorted({str(release.version), *(text.strip("= ").replace("*", "x") for text in release.also)})
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _old_release(south: History) -> str:
    last = max((int(found[0]) for name in south.get("qa", ()) if (found := re.match(r"\d+", name))), default=0)
    for number, version in _OLD_RELEASES:
        if last == number:
            return version
        if last < number:
            return f"before {version}"
    return f"after {_OLD_RELEASES[-1][1]}"


def _names(release: Release) -> tuple[str, ...]:
    return tuple(f"{app}.{name}" for app, names in release.migrations for name in names)


def _applied(history: History, dotted: str) -> bool:
    app, _, name = dotted.partition(".")
    return name in history.get(app, ())


def _missing(history: History, release: Release) -> tuple[str, ...]:
    return tuple(name for name in _names(release) if not _applied(history, name))


def _unknown(history: History, releases: Iterable[Release]) -> tuple[str, ...]:
    """Return what is applied in the application's own apps and is in no release."""
    known: dict[str, set[str]] = {}
    for release in releases:
        for app, names in release.migrations:
            known.setdefault(app, set()).update(names)
        for _, app, name in release.later_migrations:
            known.setdefault(app, set()).add(name)
    return tuple(f"{app}.{name}" for app in known for name in history.get(app, ()) if name not in known[app])


def _last(app: str, history: History, releases: Sequence[Release]) -> str:
    """Return the last applied migration of an app, in the order of the rules: numbers alone repeat."""
    applied = history.get(app, ())
    order: dict[str, None] = {}
    for release in releases:
        order.update({name: None for owner, names in release.migrations if owner == app for name in names})
        order.update({name: None for _, owner, name in release.later_migrations if owner == app})
    known = [name for name in order if name in applied]
    return known[-1] if known else (applied[-1] if applied else "")


def _ends(history: History, releases: Sequence[Release]) -> str:
    """Say how far the two apps have come that tell the versions apart."""
    ends = [f"{app} up to {last}" for app in ("qa", "units") if (last := _last(app, history, releases))]
    return ", ".join(ends) or "none of QATrack+'s"


def _count(history: History) -> int:
    return sum(len(names) for names in history.values())


def _schema(state: SchemaState, *evidence: str, span: str = "", unknown: tuple[str, ...] = ()) -> Schema:
    return Schema(state=state, version=None, towards=None, span=span, missing=(), unknown=unknown, evidence=evidence)
