"""Makes the tables of a site in a database that has none: to read a backup, or to rehearse with it.

They have the columns and the primary keys of the site's own and no more: no other constraint, no index. The
site itself needs the tables that its own ``syncdb`` and ``migrate`` make.
"""

from __future__ import annotations

from collections.abc import Iterator

from upgrade_kit.deployment.connection import Session
from upgrade_kit.model.shape import Field, Kind, ListField, Shapes


def make_tables(session: Session, shapes: Shapes) -> Iterator[str]:
    """Make every table, in a database that holds none of them.

    Yields:
        The name of each, when it is there.

    Raises:
        DatabaseError: with the server's own words.
    """
    for shape in shapes.tables:
        session.make_table(shape.table, shape.fields)
        yield shape.table
        for pairs in shape.lists:
            session.make_table(pairs.table, _pair_fields(pairs, shapes))
            yield pairs.table


def _pair_fields(pairs: ListField, shapes: Shapes) -> tuple[Field, ...]:
    owner = next((shape for shape in shapes.tables if pairs in shape.lists), None)
    other = next((shape for shape in shapes.tables if shape.model == pairs.to), None)
    kinds = [
        Kind.INTEGER if shape is None or shape.key is None or shape.key.kind is Kind.AUTO else shape.key.kind
        for shape in (owner, other)
    ]
    return (
        Field(name="id", column="id", kind=Kind.AUTO, key=True),
        Field(name=pairs.source, column=pairs.source, kind=kinds[0]),
        Field(name=pairs.target, column=pairs.target, kind=kinds[1]),
    )
