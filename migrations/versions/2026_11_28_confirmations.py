"""
Times that are held until their address is confirmed.

Revision ID: 0020
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "confirmations",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("change_window_min", sa.Integer(), nullable=False),
        sa.Column("cancel_fee_minor", sa.Integer(), nullable=False),
        sa.Column("approval", sa.String(16), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("token_salt", sa.LargeBinary(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("order_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("network", postgresql.CIDR(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("manage_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_confirmations")),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_confirmations_business_id"), ondelete="CASCADE"
        ),
        *(
            sa.ForeignKeyConstraint(
                ["business_id", column],
                [f"{table}.business_id", f"{table}.id"],
                name=op.f(f"fk_confirmations_business_id_{column}"),
                ondelete="CASCADE",
            )
            for column, table in (
                ("service_id", "services"),
                ("provider_id", "providers"),
                ("location_id", "locations"),
            )
        ),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_confirmations_business_id_uid")),
    )
    op.create_index("ix_confirmations_token_hash", "confirmations", ["token_hash"])
    op.create_index("ix_confirmations_expires", "confirmations", ["expires_at"])


def downgrade() -> None:
    op.drop_table("confirmations")
