"""Deciding what two sides of a calendar owe each other: pure, without a peer and without a store."""
