"""
Seats: how many a class has is what its service says now, not what it said when the first customer came.

What stays with an appointment is whether several customers may be in it: whoever booked it alone has it alone.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_CAPACITIES = """
UPDATE appointments a
   SET capacity = CASE WHEN a.shared THEN greatest(s.capacity, a.seats_taken, 2) ELSE 1 END
  FROM services s
 WHERE s.business_id = a.business_id AND s.id = a.service_id
"""

_TOLD = """
CREATE TRIGGER tell_of_new_capacity AFTER UPDATE OF capacity ON services
    FOR EACH ROW WHEN (OLD.capacity IS DISTINCT FROM NEW.capacity) EXECUTE FUNCTION tell_of_new_name()
"""
"""Calendar texts say "4 of 6"."""


def upgrade() -> None:
    op.add_column("appointments", sa.Column("shared", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.execute("UPDATE appointments SET shared = true WHERE capacity > 1")
    op.drop_column("appointments", "capacity")
    op.create_check_constraint(op.f("ck_appointments_seats"), "appointments", "seats_taken >= 0")
    op.execute(_TOLD)


def downgrade() -> None:
    op.execute("DROP TRIGGER tell_of_new_capacity ON services")
    op.drop_constraint(op.f("ck_appointments_seats"), "appointments")
    op.add_column("appointments", sa.Column("capacity", sa.Integer(), server_default="1", nullable=False))
    op.execute(_CAPACITIES)
    op.create_check_constraint(op.f("ck_appointments_seats"), "appointments", "seats_taken BETWEEN 0 AND capacity")
    op.drop_column("appointments", "shared")
