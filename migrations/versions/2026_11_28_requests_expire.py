"""
Requests that nobody answered before their time end in a state of their own.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BEFORE = ("held", "pending", "confirmed", "completed", "no_show", "cancelled", "declined")
_COLUMNS = (("appointments", "status"), ("transitions", "from_status"), ("transitions", "to_status"))


def upgrade() -> None:
    _allow((*_BEFORE, "expired"))
    op.create_index(
        "ix_appointments_pending", "appointments", ["starts_at"], postgresql_where=sa.text("status = 'pending'")
    )


def downgrade() -> None:
    op.drop_index("ix_appointments_pending", "appointments")
    for table, column in _COLUMNS:
        op.execute(f"UPDATE {table} SET {column} = 'declined' WHERE {column} = 'expired'")  # noqa: S608  # our names
    _allow(_BEFORE)


def _allow(states: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{state}'" for state in states)
    for table, column in _COLUMNS:
        op.drop_constraint(op.f(f"ck_{table}_{column}"), table)
        op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} IN ({listed})")
