"""
Told later: what a service says about a message after it took it, how long addresses are left alone, endpoints that fail.

Revision ID: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_BEFORE = "'queued', 'sending', 'retrying', 'sent', 'dead', 'skipped'"
_STATES = "'queued', 'sending', 'retrying', 'sent', 'undelivered', 'dead', 'skipped'"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("remote_status", sa.String(16), server_default="", nullable=False))
    op.add_column("suppressions", sa.Column("until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_endpoints", sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f("ck_deliveries_state"), "deliveries")
    op.create_check_constraint(op.f("ck_deliveries_state"), "deliveries", f"state IN ({_STATES})")
    # A phone that was switched off once was left alone for good, and carriers err.
    op.execute("DELETE FROM suppressions WHERE channel = 'sms' AND reason = 'code 30003'")
    op.execute(
        "UPDATE suppressions SET until = now() + interval '30 days'"
        " WHERE channel = 'sms' AND reason IN ('code 30004', 'code 30005', 'code 30006')"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_deliveries_state"), "deliveries")
    op.execute("UPDATE deliveries SET state = 'sent' WHERE state = 'undelivered'")
    op.create_check_constraint(op.f("ck_deliveries_state"), "deliveries", f"state IN ({_BEFORE})")
    op.drop_column("webhook_endpoints", "failing_since")
    op.drop_column("suppressions", "until")
    op.drop_column("deliveries", "remote_status")
