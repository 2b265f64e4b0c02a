"""
Owns what Alembic compares and runs: our tables, in the transaction that the caller has begun.

Leaves the connection, the lock and the commit to `server.store.migrate`.
"""

from alembic import context
from sqlalchemy import Connection

from server.store.schema import metadata

connection = context.config.attributes.get("connection")
if not isinstance(connection, Connection):
    raise SystemExit("Run `bookable migrate`: migrations need its lock and its transaction.")

context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
