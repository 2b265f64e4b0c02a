"""
Terms: what a customer was shown is kept with their hold and with their place, so that an edit does not reach it.

Until now an appointment had a price of its own, and the rest was read from the service whenever it mattered.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COLUMNS = ("price_minor", "currency", "change_window_min", "cancel_fee_minor", "approval")

_OF_PLACES = """
UPDATE attendees t
   SET price_minor = a.price_minor, currency = a.currency, change_window_min = s.change_window_min,
       cancel_fee_minor = s.cancel_fee_minor, approval = s.approval
  FROM appointments a
  JOIN services s ON s.business_id = a.business_id AND s.id = a.service_id
 WHERE a.business_id = t.business_id AND a.id = t.appointment_id
"""

_OF_HOLDS = """
UPDATE holds h
   SET price_minor = known.price_minor, currency = known.currency, change_window_min = known.change_window_min,
       cancel_fee_minor = known.cancel_fee_minor, approval = known.approval, duration_s = 60 * known.duration_min
  FROM (SELECT o.business_id, o.id, b.currency, s.change_window_min, s.cancel_fee_minor, s.approval,
               coalesce(ps.price_minor, s.price_minor) AS price_minor,
               coalesce(ps.duration_min, s.duration_min) AS duration_min
          FROM holds o
          JOIN businesses b ON b.id = o.business_id
          JOIN services s ON s.business_id = o.business_id AND s.id = o.service_id
          LEFT JOIN provider_services ps ON ps.business_id = o.business_id AND ps.service_id = o.service_id
                                        AND ps.provider_id = o.provider_id) known
 WHERE known.business_id = h.business_id AND known.id = h.id
"""

_OF_APPOINTMENTS = """
UPDATE appointments a
   SET price_minor = t.price_minor, currency = t.currency
  FROM attendees t
 WHERE t.business_id = a.business_id AND t.appointment_id = a.id
"""


def upgrade() -> None:
    for table in ("attendees", "holds"):
        op.add_column(table, sa.Column("price_minor", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("currency", sa.String(3), nullable=True))
        op.add_column(table, sa.Column("change_window_min", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("cancel_fee_minor", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("approval", sa.String(16), nullable=True))
    op.add_column("holds", sa.Column("duration_s", sa.Integer(), nullable=True))
    op.execute(_OF_PLACES)
    op.execute(_OF_HOLDS)
    for table in ("attendees", "holds"):
        for column in _COLUMNS:
            op.alter_column(table, column, nullable=False)
        op.create_check_constraint(
            op.f(f"ck_{table}_terms"), table, "price_minor >= 0 AND cancel_fee_minor >= 0 AND change_window_min >= 0"
        )
        op.create_check_constraint(op.f(f"ck_{table}_approval"), table, "approval IN ('automatic', 'manual')")
    op.alter_column("holds", "duration_s", nullable=False)
    op.create_check_constraint(op.f("ck_holds_duration"), "holds", "duration_s > 0")
    op.drop_column("appointments", "price_minor")
    op.drop_column("appointments", "currency")


def downgrade() -> None:
    op.add_column("appointments", sa.Column("price_minor", sa.Integer(), server_default="0", nullable=False))
    op.add_column("appointments", sa.Column("currency", sa.String(3), server_default="EUR", nullable=False))
    op.execute(_OF_APPOINTMENTS)
    op.alter_column("appointments", "price_minor", server_default=None)
    op.alter_column("appointments", "currency", server_default=None)
    op.create_check_constraint(op.f("ck_appointments_price"), "appointments", "price_minor >= 0")
    for table in ("attendees", "holds"):
        for column in _COLUMNS:
            op.drop_column(table, column)
    op.drop_column("holds", "duration_s")
