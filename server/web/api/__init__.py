"""JSON handlers: read, call one use-case, answer."""
