"""
API keys that end, and a scope without personal data.

Revision ID: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_SCOPES = "ck_api_keys_scopes"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f(_SCOPES), "api_keys", type_="check")
    op.create_check_constraint(
        op.f(_SCOPES),
        "api_keys",
        "scopes <@ ARRAY['availability','read','book','manage']::varchar[] AND cardinality(scopes) > 0",
    )


def downgrade() -> None:
    # A version that knows no end and no lesser scope would take such keys for more than they are.
    op.execute("UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE expires_at IS NOT NULL")
    op.execute("DELETE FROM api_keys WHERE 'availability' = ANY(scopes)")
    op.drop_constraint(op.f(_SCOPES), "api_keys", type_="check")
    op.create_check_constraint(
        op.f(_SCOPES), "api_keys", "scopes <@ ARRAY['read','book','manage']::varchar[] AND cardinality(scopes) > 0"
    )
    op.drop_column("api_keys", "expires_at")
