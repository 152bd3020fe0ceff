"""What a table holds, in a value that does not depend on vendor or order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContent:
    """The content of one table.

    Two tables have the same digest when they hold the same rows, whatever the order, the vendor and the
    names of their columns in the database. Moments are taken to the millisecond, which is what ``dumpdata``
    keeps; a table of a many-to-many field counts as its pairs, without the pairs' own keys.

    Attributes:
        name: the table.
        rows: how many.
        sha256: the sum, modulo 2**256, of the SHA-256 of each row; 64 hexadecimal digits.
    """

    name: str
    rows: int
    sha256: str
