"""
Bringing a provider's own calendar and our appointments together, a round at a time.

`round` is one round with one connection: `pull` reads what has changed there, `follow` answers what the provider did
to our events, `push` writes what is to be there. `turn` is what they share.
"""
