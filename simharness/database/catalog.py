"""What a database knows about its own tables: keys, unique indexes, foreign keys, triggers.

Footprints need it to tell a row from a table and to follow a write to where it ends. Each database kind loads it
from the real catalog; names are lower case and without a schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UniqueIndex:
    """A unique index besides the primary key.

    Args:
        name: its name in the database.
        columns: its columns; empty when it is partial, over an expression or does not compare by plain equality.
    """

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference from a child table to its parent.

    Args:
        columns: the referring columns of the child.
        parent: the table referred to.
        parent_columns: the columns referred to, in the order of ``columns``.
        passive: whether deleting or re-keying a parent leaves the children's rows alone (RESTRICT, NO ACTION).
    """

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    passive: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Args:
        name: its name.
        columns: all columns, in order.
        key: the primary key; empty when there is none, or when equal keys need not have equal text.
        generated: the single key column that the database fills by itself from the highest one, if any.
        unique: other unique indexes.
        foreign_keys: references to parents.
        triggers: whether a write may set off triggers.
        arrival_order: whether rows lie in the order in which they came, so that an unordered SELECT tells it.
        sequenced: whether ``generated`` comes from a sequence, whatever rows exist.
        comparable: columns in which two values are equal just when their texts are; none where rows have no usable key.
        relation: how a query of ours names the table, quoted.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ()
    generated: str | None = None
    unique: tuple[UniqueIndex, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    triggers: bool = False
    arrival_order: bool = False
    sequenced: bool = False
    comparable: tuple[str, ...] = ()
    relation: str = ""


@dataclass(frozen=True)
class Catalog:
    """The tables of one database; what is not in it is unknown and conflicts with everything."""

    tables: Mapping[str, Table] = field(default_factory=dict)

    def children(self, parent: str) -> tuple[tuple[Table, ForeignKey], ...]:
        """Return the tables that refer to ``parent``, with the reference."""
        return tuple(
            (table, reference)
            for _, table in sorted(self.tables.items())
            for reference in table.foreign_keys
            if reference.parent == parent
        )
