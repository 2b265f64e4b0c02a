"""
Owns what every use-case works with.

Leaves making it to `app` and the worker.
"""

from dataclasses import dataclass

from server.redis.changes import Changes
from server.settings import BookingSettings
from server.store.engine import Database
from server.tokens import Vault


@dataclass(frozen=True, slots=True)
class Core:
    """The database, the secrets, the ones to tell after a commit, and the settings of the booking core."""

    database: Database
    vault: Vault
    changes: Changes
    booking: BookingSettings
