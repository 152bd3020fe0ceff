"""Digests of what the tables hold: the same for the same rows, on whatever vendor and in whatever order."""

from __future__ import annotations

from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.rows import ContentDigest, Rows, pairs_sql
from upgrade_kit.deployment.shapes import read_shapes
from upgrade_kit.model.content import TableContent
from upgrade_kit.model.shape import ListField, Shapes, TableShape


def content_digests(session: Session, shapes: Shapes | None = None) -> tuple[TableContent, ...]:
    """Return the content of every table, by name.

    Run it inside ``session.transaction()``. A row is digested as ``dumpdata`` writes it, a pair of a
    many-to-many field as its two keys.

    Args:
        session: an open session.
        shapes: the shape of its tables; read from it by default.

    Raises:
        DatabaseError: a table cannot be read.
        RulesError: the rules on models cannot be read.
    """
    found = []
    for shape in (shapes or read_shapes(session)).tables:
        found.append(_table_content(session, shape))
        found.extend(_pairs_content(session, pairs) for pairs in shape.lists)
    return tuple(sorted(found, key=lambda content: content.name))


def _table_content(session: Session, shape: TableShape) -> TableContent:
    rows = Rows(session, shape)
    for batch in session.batches(rows.sql):
        for _ in rows.lines(batch):
            pass
    return rows.content


def _pairs_content(session: Session, pairs: ListField) -> TableContent:
    digest = ContentDigest(pairs.table)
    for batch in session.batches(pairs_sql(session, pairs)):
        digest.add_pairs(batch)
    return digest.content
