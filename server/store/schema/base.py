"""
Owns what all tables share: naming, the tenant column in every key, versions and times.

Leaves the tables themselves to its neighbours.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.sql.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SLUG_PATTERN = "^[a-z0-9]+(-[a-z0-9]+)*$"


def tenant_table(name: str, *items: SchemaItem, owned: bool = False) -> Table:
    """
    A table of a business's rows.

    The business leads the primary key and every foreign key: a row cannot point at another tenant's row, and the
    schema distributes by business as it stands.

    Args:
        owned: The rows go with an appointment or hold, which guarantees the business: booking then checks one
            foreign key less per row.
    """
    of_business = () if owned else (ForeignKey("businesses.id", ondelete="CASCADE"),)
    return Table(
        name,
        metadata,
        Column("business_id", BigInteger, *of_business, nullable=False),
        Column("id", BigInteger, Identity(always=False), nullable=False),
        PrimaryKeyConstraint("business_id", "id"),
        *items,
    )


def belongs_to(column: str, table: str, *, ondelete: str = "NO ACTION") -> ForeignKeyConstraint:
    """*column* names a row of *table* of the same business."""
    return ForeignKeyConstraint(["business_id", column], [f"{table}.business_id", f"{table}.id"], ondelete=ondelete)


def unique_in_business(*columns: str) -> UniqueConstraint:
    """No two rows of one business agree in *columns*."""
    return UniqueConstraint("business_id", *columns)


def versioned() -> tuple[Column[int], Column[object], Column[object]]:
    """Version for If-Match, and when the row was made and last changed."""
    return (
        Column("version", Integer, nullable=False, server_default=text("1")),
        created_at(),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


def created_at() -> Column[object]:
    """When the row was made."""
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())
