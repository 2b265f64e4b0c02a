"""
The name of a business is part of what is offered: it stands in the title of whatever is booked.

Revision ID: 0018
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _bump_for(columns: str) -> None:
    op.execute("DROP TRIGGER bump_catalogue_version ON businesses")
    op.execute(f"""
        CREATE TRIGGER bump_catalogue_version BEFORE UPDATE OF {columns} ON businesses
            FOR EACH ROW EXECUTE FUNCTION bump_own_catalogue_version()
    """)


def upgrade() -> None:
    _bump_for("slug, name, currency")


def downgrade() -> None:
    _bump_for("slug, currency")
