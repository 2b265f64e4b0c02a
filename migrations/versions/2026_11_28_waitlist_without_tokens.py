"""
Waitlist without tokens: facts about it name the entry, and whoever writes to its customer derives the link.

Links, names and addresses that older facts and messages carry are taken out of them; what is still to be sent is
written from the entry. What receivers of webhooks answered to them may repeat the link, so it goes, too.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("waitlist_entries", sa.Column("passed_start", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        """
        UPDATE outbox SET payload = payload - ARRAY['path', 'name', 'email', 'locale', 'timezone', 'location_zone']
         WHERE kind = 'waitlist.offered'
        """
    )
    op.execute(
        """
        UPDATE deliveries
           SET payload = payload - ARRAY['path', 'name', 'email', 'locale', 'timezone', 'location_zone'], body = NULL
         WHERE message IN ('waitlist.offered', 'waitlist_offer')
        """
    )
    op.execute(
        """
        UPDATE delivery_attempts a SET response = '' FROM deliveries d
         WHERE d.business_id = a.business_id AND d.id = a.delivery_id AND d.message = 'waitlist.offered'
        """
    )


def downgrade() -> None:
    """The links are not written into old facts again."""
    op.drop_column("waitlist_entries", "passed_start")
