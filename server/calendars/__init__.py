"""Translates between our words and those of `ics`."""
