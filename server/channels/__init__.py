"""The ways out: mail, SMS and webhooks. Nothing here decides what is sent, or reads the database."""
