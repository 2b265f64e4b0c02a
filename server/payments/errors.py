"""
Owns the ways in which a payment service does not say yes.

Leaves what follows from each to the use-cases.

    ProviderError
    ├── ProviderUnreachable   nothing was done: ask again later
    ├── ProviderUnknown       it may have been done: ask again with the same key, or look
    └── ProviderRefused       it says no: asking again cannot help
"""

from dataclasses import dataclass


class ProviderError(Exception):
    """The payment service did not do what it was asked."""


@dataclass(eq=False)
class ProviderUnreachable(ProviderError):
    """It cannot be reached, is overloaded, or does not take our key."""

    detail: str
    retry_after_s: int | None = None

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class ProviderUnknown(ProviderError):
    """It was asked, and nobody knows what became of it."""

    detail: str
    retry_after_s: int | None = None

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class ProviderRefused(ProviderError):
    """It says no."""

    code: str
    """The provider's own, such as `charge_already_refunded`."""
    message: str
    """Its words, for whoever runs the business."""
    about: str = ""
    """The parameter that it does not take."""

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" if self.code else self.message
