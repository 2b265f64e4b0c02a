"""
Owns the tables, as SQLAlchemy sees them, one module per subject.

Leaves the steps from one schema to the next to `migrations/`.
"""

from server.store.schema.base import metadata
from server.store.schema.booking import (
    appointments,
    attendees,
    claims,
    customers,
    holds,
    reminders,
    transitions,
)
from server.store.schema.calendars import appointment_texts, feed_tokens, feed_versions, feeds
from server.store.schema.catalogue import (
    locations,
    provider_services,
    providers,
    resources,
    service_resources,
    services,
)
from server.store.schema.connections import (
    calendar_conflicts,
    calendar_objects,
    calendar_peers,
    calendars,
    connections,
    pushed_events,
    sync_log,
)
from server.store.schema.deliveries import deliveries, delivery_attempts, suppressions, webhook_endpoints
from server.store.schema.hours import busy_blocks, exceptions, service_hours, working_hours
from server.store.schema.outbox import audit_entries, idempotency_records, outbox, set_aside, spent_proofs
from server.store.schema.tenancy import api_keys, blocks, businesses, key_checks
from server.store.schema.waiting import confirmations, payments, waitlist_entries

__all__ = [
    "api_keys",
    "appointment_texts",
    "appointments",
    "attendees",
    "audit_entries",
    "blocks",
    "businesses",
    "busy_blocks",
    "calendar_conflicts",
    "calendar_objects",
    "calendar_peers",
    "calendars",
    "claims",
    "confirmations",
    "connections",
    "customers",
    "deliveries",
    "delivery_attempts",
    "exceptions",
    "feed_tokens",
    "feed_versions",
    "feeds",
    "holds",
    "idempotency_records",
    "key_checks",
    "locations",
    "metadata",
    "outbox",
    "payments",
    "provider_services",
    "providers",
    "pushed_events",
    "reminders",
    "resources",
    "service_hours",
    "service_resources",
    "services",
    "set_aside",
    "spent_proofs",
    "suppressions",
    "sync_log",
    "transitions",
    "waitlist_entries",
    "webhook_endpoints",
    "working_hours",
]
