"""One module per thing a person can do, one transaction each; no HTTP, no SQL text."""
