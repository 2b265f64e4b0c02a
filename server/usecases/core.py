"""
Owns what every use-case works with.

Leaves making it to `app` and the worker.
"""

from dataclasses import dataclass

from server.redis.changes import Changes
from server.settings import BookingSettings
from server.store.engine import Database
from server.store.offers import OfferBook
from server.tokens import Vault


@dataclass(frozen=True, slots=True)
class Core:
    """The database, what is offered there, the secrets, who is told after a commit, and the booking settings."""

    database: Database
    offers: OfferBook
    vault: Vault
    changes: Changes
    booking: BookingSettings
