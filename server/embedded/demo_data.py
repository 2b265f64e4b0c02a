"""
Owns the demo business as data: an invented studio with two houses, five people and eight services.

Leaves putting it into a database to `demo`. Nobody here exists; addresses are example.com's, numbers are fictional.
"""

from typing import Any

Row = dict[str, Any]

BUSINESS: Row = {
    "slug": "demo",
    "name": "Atelier Linde",
    "description": "Hair, massage and movement, in Berlin and Lisbon.",
    "category": "salon",
    "email": "hello@atelier-linde.example.com",
    "phone": "+493055501000",
    "website": "https://atelier-linde.example.com",
    "currency": "EUR",
    "allowed_origins": ["*"],
    "theme": {"accent": "#7a5c3e"},
    "listed": True,
}

LOCATIONS: list[Row] = [
    {
        "slug": "berlin-mitte",
        "name": "Berlin Mitte",
        "timezone": "Europe/Berlin",
        "address": "Lindenhof 7, 10115 Berlin",
        "latitude": 52.5321,
        "longitude": 13.3849,
        "holiday_country": "DE",
        "holiday_subdivision": "BE",
    },
    {
        "slug": "lisbon-chiado",
        "name": "Lisbon Chiado",
        "timezone": "Europe/Lisbon",
        "address": "Rua das Tílias 12, 1200-109 Lisboa",
        "latitude": 38.7107,
        "longitude": -9.1424,
        "holiday_country": "PT",
    },
]

ROOMS: list[Row] = [
    {"slug": "ash", "name": "Ash", "kind": "room", "location": "berlin-mitte"},
    {"slug": "birch", "name": "Birch", "kind": "room", "location": "berlin-mitte"},
    {"slug": "sala-azul", "name": "Sala Azul", "kind": "room", "location": "lisbon-chiado"},
]

SERVICES: list[Row] = [
    {
        "slug": "haircut",
        "name": "Haircut",
        "description": "Wash, cut and finish.",
        "duration_min": 45,
        "buffer_after_min": 15,
        "price_minor": 4800,
    },
    {
        "slug": "colour",
        "name": "Colour and cut",
        "description": "Two hours, coffee included. Cancelling within two days costs 30 euros.",
        "duration_min": 120,
        "buffer_after_min": 15,
        "price_minor": 11900,
        "change_window_min": 2880,
        "cancel_fee_minor": 3000,
    },
    {
        "slug": "beard-trim",
        "name": "Beard trim",
        "description": "Twenty minutes, warm towel.",
        "duration_min": 20,
        "slot_step_min": 15,
        "price_minor": 2200,
        "change_window_min": 120,
    },
    {
        "slug": "massage",
        "name": "Deep tissue massage",
        "description": "An hour in a quiet room.",
        "duration_min": 60,
        "buffer_before_min": 10,
        "buffer_after_min": 10,
        "price_minor": 7900,
        "needs_room": True,
    },
    {
        "slug": "facial",
        "name": "Facial",
        "description": "Cleansing, mask and massage.",
        "duration_min": 50,
        "buffer_after_min": 10,
        "price_minor": 6900,
        "needs_room": True,
    },
    {
        "slug": "morning-yoga",
        "name": "Morning yoga",
        "description": "A class for eight. Mats are here.",
        "duration_min": 60,
        "slot_step_min": 60,
        "price_minor": 1500,
        "capacity": 8,
        "change_window_min": 180,
    },
    {
        "slug": "consultation",
        "name": "Colour consultation",
        "description": "Half an hour, free, once per customer.",
        "duration_min": 30,
        "price_minor": 0,
        "per_customer_limit": 1,
    },
    {
        "slug": "bridal-styling",
        "name": "Bridal styling",
        "description": "On request: we confirm within a day.",
        "duration_min": 150,
        "buffer_after_min": 30,
        "price_minor": 24000,
        "approval": "manual",
        "min_notice_min": 2880,
        "horizon_days": 365,
        "phone_required": True,
        "questions": [
            {"key": "people", "label": "How many people?", "kind": "text", "required": True, "options": []},
            {"key": "where", "label": "Where?", "kind": "choice", "required": True, "options": ["studio", "at yours"]},
        ],
    },
]

# Weekly windows: location, weekdays (Monday is 0), minutes from midnight.
PROVIDERS: list[Row] = [
    {
        "slug": "mara",
        "name": "Mara Lindqvist",
        "title": "Master stylist",
        "services": ["haircut", "colour", "consultation", "bridal-styling"],
        "hours": [("berlin-mitte", range(5), 540, 750), ("berlin-mitte", range(5), 810, 1080)],
    },
    {
        "slug": "jonas",
        "name": "Jonas Ferreira",
        "title": "Barber",
        "services": ["haircut", "beard-trim"],
        "hours": [("berlin-mitte", range(1, 6), 600, 1140)],
    },
    {
        "slug": "amira",
        "name": "Amira Haddad",
        "title": "Massage therapist",
        "daily_cap": 6,
        "services": ["massage", "facial"],
        "hours": [("berlin-mitte", range(4), 660, 1200)],
    },
    {
        "slug": "tomas",
        "name": "Tomás Brandt",
        "title": "Stylist",
        "services": ["haircut", "colour", "beard-trim", "consultation"],
        "hours": [("lisbon-chiado", range(5), 570, 1110)],
    },
    {
        "slug": "yuki",
        "name": "Yuki Sommer",
        "title": "Yoga and massage",
        "services": ["morning-yoga", "massage"],
        "hours": [
            ("berlin-mitte", (1, 3), 420, 780),
            ("berlin-mitte", (5,), 540, 780),
            ("lisbon-chiado", (0, 2), 540, 1020),
        ],
    },
]

SERVICE_HOURS: list[Row] = [
    {"service": "morning-yoga", "weekday": 1, "start_min": 420, "end_min": 540},
    {"service": "morning-yoga", "weekday": 3, "start_min": 420, "end_min": 540},
    {"service": "morning-yoga", "weekday": 5, "start_min": 540, "end_min": 660},
]

CUSTOMERS = [
    "Nora Albers", "Elias Winter", "Ines Cardoso", "Paul Reuter", "Sofia Matos", "Leo Hartwig", "Clara Voss",
    "Rui Teles", "Emil Sander", "Marta Pinto", "Hanna Kroll", "David Lopes", "Lena Busch", "Tiago Nunes",
    "Greta Falk", "Oskar Thiel", "Rita Branco", "Jan Petersen", "Alma Rocha", "Felix Grote", "Ida Meissner",
    "Nuno Vidal", "Theo Lorenz", "Bea Quental",
]  # fmt: skip
