"""
Owns the shapes of terms: as they are shown, and as somebody says that they were.

Leaves the answers and requests that they are part of to their resources.
"""

from typing import Annotated

from pydantic import Field

from server.domain.terms import Approval, Terms
from server.web.shapes.base import Priced, Shape, Written

_Minor = Annotated[int, Field(ge=0, le=2**31 - 1)]


class TermsShape(Priced):
    """What is promised to whoever books: kept from the hold on, whatever is edited meanwhile."""

    price_minor: int
    duration_min: int
    change_window_min: int
    """Cancelling and moving are free until so many minutes before the start."""
    cancel_fee_minor: int
    """What a later cancellation costs; 0 means that later is not possible online."""
    approval: Approval

    @classmethod
    def of(cls, terms: Terms) -> "TermsShape":
        """From the value."""
        return cls.model_construct(
            price_minor=terms.price_minor,
            currency=terms.currency,
            duration_min=terms.duration_s // 60,
            change_window_min=terms.change_window_min,
            cancel_fee_minor=terms.cancel_fee_minor,
            approval=terms.approval,
        )


class ShownTerms(Shape):
    """The `terms` of an earlier answer, as they came."""

    price_minor: _Minor
    currency: Annotated[str, Written("^[A-Z]{3}$", "must be a currency of ISO 4217, such as EUR")]
    currency_digits: Annotated[int, Field(ge=0, le=4)] | None = None
    """Says nothing that `currency` does not."""
    duration_min: Annotated[int, Field(ge=1, le=2880)]
    change_window_min: Annotated[int, Field(ge=0, le=525_600)]
    cancel_fee_minor: _Minor
    approval: Approval


def terms_shown(shown: ShownTerms | None) -> Terms | None:
    """As the use-cases see them."""
    if shown is None:
        return None
    return Terms(
        price_minor=shown.price_minor,
        currency=shown.currency,
        duration_s=shown.duration_min * 60,
        change_window_min=shown.change_window_min,
        cancel_fee_minor=shown.cancel_fee_minor,
        approval=shown.approval,
    )
