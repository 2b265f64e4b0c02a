"""iCalendar, usable without the server: frozen values in, RFC 5545 text out, and back."""
