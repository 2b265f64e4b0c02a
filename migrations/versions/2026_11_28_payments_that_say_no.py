"""
Payments that say no: what a payment service may answer besides yes has a state, an end, and a next look.

Revision ID: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_STATES = (
    "'open', 'processing', 'booked', 'contested', 'returning', 'refund_pending', 'refund_failed', 'returned',"
    " 'expired', 'failed'"
)
_COLUMNS = (
    sa.Column("intent_id", sa.String(200), nullable=True),
    sa.Column("refund_id", sa.String(200), nullable=True),
    sa.Column("refund_round", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    sa.Column("paid_minor", sa.Integer(), nullable=True),
    sa.Column("paid_currency", sa.String(3), nullable=True),
    sa.Column("trouble", sa.String(500), server_default="", nullable=False),
    sa.Column("disputed_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
)
_INDEXES = {
    "ix_payments_intent": (["intent_id"], "intent_id IS NOT NULL"),
    "ix_payments_refund": (["refund_id"], "refund_id IS NOT NULL"),
    "ix_payments_look": (["next_look_at"], "next_look_at IS NOT NULL"),
    "ix_payments_hold": (["business_id", "hold_id"], "hold_id IS NOT NULL"),
}


def upgrade() -> None:
    for column in _COLUMNS:
        op.add_column("payments", column)
    op.drop_index("ix_payments_expires", "payments")
    for name, (columns, where) in _INDEXES.items():
        op.create_index(name, "payments", columns, postgresql_where=sa.text(where))
    op.drop_constraint(op.f("ck_payments_status"), "payments")
    op.create_check_constraint(op.f("ck_payments_status"), "payments", f"status IN ({_STATES})")
    op.execute("UPDATE payments SET next_look_at = expires_at WHERE status = 'open'")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_payments_status"), "payments")
    op.execute("UPDATE payments SET status = 'open' WHERE status IN ('processing', 'contested')")
    op.execute("UPDATE payments SET status = 'returning' WHERE status IN ('refund_pending', 'refund_failed')")
    op.create_check_constraint(
        op.f("ck_payments_status"),
        "payments",
        "status IN ('open', 'paid', 'booked', 'returning', 'returned', 'failed', 'expired')",
    )
    for name in _INDEXES:
        op.drop_index(name, "payments")
    op.create_index("ix_payments_expires", "payments", ["expires_at"], postgresql_where=sa.text("status = 'open'"))
    for column in _COLUMNS:
        op.drop_column("payments", column.name)
