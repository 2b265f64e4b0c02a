"""
Owns what strangers may have of a business, as the settings say.

Leaves refusing more to `domain/quotas`, and what a business has set itself to the statement that counts.
"""

from server.domain.appointment import CustomerDetails, SlotChoice
from server.domain.quotas import Quotas, Stranger, Wanting
from server.settings import BookingSettings


def quotas_of(settings: BookingSettings) -> Quotas:
    """For every business that has not set its own."""
    return Quotas(
        starts=settings.starts_per_network,
        bookings_per_day=settings.bookings_per_network_day,
        bookings_per_address=settings.bookings_per_address,
        waiting=settings.waiting_per_network,
        wide_factor=settings.wide_factor,
    )


def wanting(
    settings: BookingSettings, choice: SlotChoice, customer: CustomerDetails | None = None, *, counted: bool = True
) -> Wanting | None:
    """Whoever asks for *choice*, if they are a stranger; to hold it without a *customer*, else to book it."""
    if choice.asked_from is None:
        return None
    return Wanting(
        stranger=Stranger(
            networks=choice.asked_from,
            email=customer.email if customer else "",
            phone=customer.phone if customer else "",
        ),
        quotas=quotas_of(settings),
        books=customer is not None,
        counted=counted,
    )
