"""
How providers are reached: a phone number, and a language that is theirs or the business's.

Reminders to providers by SMS were addressed to mail addresses and reached nobody. They become mails, in services and
among what is planned; what such messages wait to be sent is given up.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("providers", sa.Column("phone", sa.String(32), server_default="", nullable=False))
    op.add_column("providers", sa.Column("locale", sa.String(35), server_default="", nullable=False))
    op.add_column("businesses", sa.Column("locale", sa.String(35), server_default="en", nullable=False))
    op.execute("""
        UPDATE services s
           SET reminders = (
               SELECT jsonb_agg(rule ORDER BY first)
                 FROM (SELECT rule, min(place) AS first
                         FROM (SELECT CASE WHEN rule @> '{"channel": "sms", "recipient": "provider"}'
                                           THEN rule || '{"channel": "mail"}' ELSE rule END AS rule, place
                                 FROM jsonb_array_elements(s.reminders) WITH ORDINALITY AS given (rule, place)) mended
                        GROUP BY rule) once)
         WHERE s.reminders @> '[{"channel": "sms", "recipient": "provider"}]'
    """)
    op.execute("""
        INSERT INTO reminders (business_id, appointment_id, attendee_id, recipient, channel, offset_min, due_at, status)
        SELECT business_id, appointment_id, attendee_id, recipient, 'mail', offset_min, due_at, status
          FROM reminders WHERE channel = 'sms' AND recipient = 'provider' AND status = 'planned'
            ON CONFLICT DO NOTHING
    """)
    op.execute("""
        UPDATE reminders SET status = 'skipped'
         WHERE channel = 'sms' AND recipient = 'provider' AND status = 'planned'
    """)
    op.execute("""
        UPDATE deliveries SET state = 'skipped', finished_at = clock_timestamp(), lease_until = NULL,
                              detail = 'a mail address cannot receive a text message'
         WHERE channel = 'sms' AND recipient = 'provider' AND state IN ('queued', 'sending', 'retrying')
    """)


def downgrade() -> None:
    """What became mails stays so: they are read."""
    op.drop_column("businesses", "locale")
    op.drop_column("providers", "locale")
    op.drop_column("providers", "phone")
