"""Bookable: the aiohttp service, the worker and the command line."""
