"""
Owns how terms stand in a row: which columns, read and written.

Leaves the rows to their statements.
"""

from typing import Any

from server.domain.terms import Approval, Terms
from server.store.engine import Row


def terms_of(row: Row) -> Terms:
    """The terms in a row that has their columns, and `duration_s`."""
    return Terms(
        price_minor=row["price_minor"],
        currency=row["currency"],
        duration_s=row["duration_s"],
        change_window_min=row["change_window_min"],
        cancel_fee_minor=row["cancel_fee_minor"],
        approval=Approval(row["approval"]),
    )


NEW_TERMS = """
    price_minor = coalesce(:price_minor, t.price_minor), currency = coalesce(:currency, t.currency),
    change_window_min = coalesce(:change_window_min, t.change_window_min),
    cancel_fee_minor = coalesce(:cancel_fee_minor, t.cancel_fee_minor), approval = coalesce(:approval, t.approval)"""
"""The part of an UPDATE of attendees `t` that gives them other terms, where there are any."""

_NONE = dict.fromkeys(("price_minor", "currency", "duration_s", "change_window_min", "cancel_fee_minor", "approval"))


def new_terms_values(terms: Terms | None) -> dict[str, Any]:
    """*terms* that replace others, as values of `NEW_TERMS`; None leaves what is there."""
    return terms_values(terms) if terms is not None else _NONE


def terms_values(terms: Terms) -> dict[str, Any]:
    """*terms*, as statement values."""
    return {
        "price_minor": terms.price_minor,
        "currency": terms.currency,
        "duration_s": terms.duration_s,
        "change_window_min": terms.change_window_min,
        "cancel_fee_minor": terms.cancel_fee_minor,
        "approval": terms.approval,
    }
