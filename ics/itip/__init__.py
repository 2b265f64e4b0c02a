"""Scheduling messages between organizer and attendee (RFC 5546)."""
