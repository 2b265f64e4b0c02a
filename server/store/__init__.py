"""The only room with SQL: functions that take a session and return domain values."""
