"""Work beside the requests: arq carries the wake-ups, Postgres is the record."""
