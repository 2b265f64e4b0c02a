"""
Calendars that others keep: found, listed, read and written, whatever they speak.

`protocol` is what every adapter does, `errors` is how it can fail, `http` is what an adapter needs to call anybody.
"""
