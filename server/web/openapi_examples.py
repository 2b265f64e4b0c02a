"""
Owns examples of the calls that every integration makes; a test holds them against the shapes.

Leaves where they stand in the description to `openapi`.
"""

from collections.abc import Mapping
from typing import Any

_BUSINESS = "/v1/businesses/{business}"
_FEED = "book.example.com/feeds/5nWc0vXe2oYw2nHk8sLq4dTf9aVjk3Qd"
_SLOT = {
    "start": "2026-12-01T09:30:00+01:00",
    "end": "2026-12-01T10:00:00+01:00",
}
_TERMS = {
    "price_minor": 4500,
    "currency": "EUR",
    "currency_digits": 2,
    "duration_min": 30,
    "change_window_min": 1440,
    "cancel_fee_minor": 0,
    "approval": "automatic",
}

EXAMPLES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("GET", f"{_BUSINESS}/availability"): {
        "response": {
            "timezone": "Europe/Berlin",
            "days": [{"date": "2026-12-01", "slots": [{**_SLOT, "providers": ["anna", "ben"]}]}],
            "next_available": _SLOT["start"],
        },
    },
    ("POST", f"{_BUSINESS}/holds"): {
        "request": {"service": "haircut", "provider": "anna", "start": _SLOT["start"]},
        "response": {
            "hold": "q0YlZkC0vJ4V0gk3mTt7c2lGm8dYxJ5n",
            "expires_at": "2026-11-20T12:05:00Z",
            **_SLOT,
            "provider": "anna",
            "location": "main-street",
            "terms": _TERMS,
        },
    },
    ("POST", f"{_BUSINESS}/appointments"): {
        "request": {
            "service": "haircut",
            "provider": "anna",
            "start": _SLOT["start"],
            "customer": {
                "name": "Robin Example",
                "email": "robin@example.com",
                "phone": "+4930123456",
                "timezone": "Europe/Berlin",
                "locale": "en",
            },
            "answers": {"first-visit": "yes"},
            "hold": "q0YlZkC0vJ4V0gk3mTt7c2lGm8dYxJ5n",
        },
        "response": {
            "id": "019ab3c1-6d2e-7c4b-9f00-0a6f3d5b7c11",
            "status": "confirmed",
            **_SLOT,
            "timezone": "Europe/Berlin",
            "provider": "anna",
            "service": "haircut",
            "location": "main-street",
            "sequence": 0,
            "terms": _TERMS,
            "manage_token": "Zr1b0uQx6oYw2nHk8sLq4dTf9aVj3mCe",
            "manage_url": "https://book.example.com/manage/Zr1b0uQx6oYw2nHk8sLq4dTf9aVj3mCe",
            "ics_url": "https://book.example.com/v1/appointments/Zr1b0uQx6oYw2nHk8sLq4dTf9aVj3mCe/invite.ics",
            "add_to_calendar": {
                "Apple": "webcal://book.example.com/v1/appointments/Zr1b0uQx6oYw2nHk8sLq4dTf9aVj3mCe/invite.ics",
                "Google": "https://calendar.google.com/calendar/render?action=TEMPLATE&text=Haircut%2C+Salon+Linden&...",
                "Outlook": "https://outlook.live.com/calendar/0/action/compose?subject=Haircut%2C+Salon+Linden&...",
                ".ics": "https://book.example.com/v1/appointments/Zr1b0uQx6oYw2nHk8sLq4dTf9aVj3mCe/invite.ics",
            },
            "confirm_by": None,
        },
    },
    ("POST", "/v1/appointments/{manage_token}/cancel"): {
        "request": {"reason": "I am ill", "accept_fee": False},
        "response": {"id": "019ab3c1-6d2e-7c4b-9f00-0a6f3d5b7c11", "status": "cancelled", "fee": None},
    },
    ("POST", "/v1/appointments/{manage_token}/reschedule"): {
        "request": {"start": "2026-12-02T14:00:00+01:00"},
    },
    ("POST", f"{_BUSINESS}/services"): {
        "request": {
            "slug": "haircut",
            "name": "Haircut",
            "duration_min": 30,
            "buffer_after_min": 10,
            "price_minor": 4500,
            "questions": [{"key": "first-visit", "label": "Is this your first visit?", "kind": "yes_no"}],
        },
    },
    ("POST", f"{_BUSINESS}/hours"): {
        "request": {"provider": "anna", "location": "main-street", "weekday": 0, "start": "09:00", "end": "17:00"},
    },
    ("POST", f"{_BUSINESS}/exceptions"): {
        "request": {
            "provider": "anna",
            "location": "main-street",
            "date": "2026-12-24",
            "windows": [{"start": "09:00", "end": "12:00"}],
            "reason": "Christmas Eve",
        },
    },
    ("POST", f"{_BUSINESS}/time-off"): {
        "request": {
            "provider": "anna",
            "start": "2026-12-27T00:00:00+01:00",
            "end": "2027-01-03T00:00:00+01:00",
            "reason": "Holiday",
        },
    },
    ("POST", f"{_BUSINESS}/feeds"): {
        "request": {"name": "Anna, Salon", "provider": "anna", "privacy": "full", "colour": "teal"},
        "response": {
            "id": "019ab3c1-7f10-7a55-8c21-5d0f4f6b9e02",
            "name": "Anna, Salon",
            "scope": "provider",
            "subject": "anna",
            "privacy": "full",
            "colour": "teal",
            "hint": "k3Qd",
            "last_used_at": None,
            "revoked_at": None,
            "created_at": "2026-11-20T12:00:00Z",
            "urls": {
                "appointments": f"https://{_FEED}/appointments.ics",
                "freebusy": f"https://{_FEED}/freebusy.ics",
                "ifb": f"https://{_FEED}/freebusy.ifb",
                "availability": f"https://{_FEED}/availability.ics",
                "webcal": f"webcal://{_FEED}/appointments.ics",
                "google": "https://calendar.google.com/calendar/r?cid=webcal%3A%2F%2Fbook.example.com%2Ffeeds%2F...",
                "outlook": "https://outlook.live.com/calendar/0/addfromweb?url=https%3A%2F%2Fbook.example.com%2F...",
            },
            "qr_svg": "<svg ...></svg>",
        },
    },
}
